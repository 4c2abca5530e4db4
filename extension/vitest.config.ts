import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    server: { deps: { inline: [/vscode-languageclient/] } },
  },
  resolve: { alias: { vscode: new URL('./test/vscode.ts', import.meta.url).pathname } },
});
