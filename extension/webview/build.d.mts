import type { BuildOptions } from 'esbuild';
export declare const webviews: BuildOptions;
