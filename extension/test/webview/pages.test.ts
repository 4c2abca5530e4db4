// The pages as a person meets them: by eye, by keyboard and by screen reader. Pictures of them are left in PICTURES.
import axe from 'axe-core';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Models } from '../../src/chat/messages';
import { browserPath, launch, open, type Opened } from './browser';
import { answers, run } from './data';

let browser: Browser;
beforeAll(async () => {
  if (browserPath) browser = await launch();
}, 60_000);
afterAll(() => browser?.close());

const THEMES = ['dark', 'light'] as const;
type Theme = (typeof THEMES)[number];

/** What axe finds that keeps people out. */
async function barriers({ page }: Opened): Promise<string[]> {
  await page.evaluate(axe.source);
  const found = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
  return found.violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}

async function sound(opened: Opened): Promise<void> {
  expect(await barriers(opened)).toEqual([]);
  expect(opened.wrong).toEqual([]);
  await opened.page.close();
}

const ONE = { runs: JSON.stringify([run('running').runId]) };
const TWO = [run('succeeded').runId, run('succeeded', 120, true).runId];

describe.skipIf(!browserPath)('the panel of a run', { timeout: 60_000 }, () => {
  const opened = async (theme: Theme, ...runs: ReturnType<typeof run>[]): Promise<Opened> => {
    const made = await open(browser, 'run', theme, ONE);
    await made.tell({ type: 'show', runIds: runs.map(({ runId }) => runId) });
    for (const details of runs) await made.tell({ type: 'run', details });
    return made;
  };

  it.each(THEMES)('shows a training as it goes, %s', async (theme) => {
    const panel = await opened(theme, run('running', 60));
    await panel.tell({ type: 'run', details: { ...run('running', 71), metricsStart: 5 } });
    expect(await panel.page.textContent('#heads')).toContain('Pass 1 of 3, lora: training 71 of 120 steps');
    expect(await panel.page.getAttribute('#loss .plot', 'aria-label')).toMatch(
      /training: 5\.\d+ at step 1, .* at step 71/,
    );
    await panel.picture(`run-live-${theme}`);
    await sound(panel);
  });

  it.each(THEMES)('shows what came of a run, %s', async (theme) => {
    const panel = await opened(theme, run('succeeded'));
    await panel.page.click('#log summary');
    expect(await panel.page.textContent('#measures')).toContain('+37.5 points');
    expect(await panel.page.locator('.chart:visible').count()).toBe(4);
    await panel.picture(`run-finished-${theme}`);
    await sound(panel);
  });

  it.each(THEMES)('lays two runs over each other, %s', async (theme) => {
    const panel = await opened(theme, run('succeeded'), run('succeeded', 120, true));
    expect(await panel.page.locator('#measures tbody tr').count()).toBe(7);
    expect(await panel.page.textContent('#loss .readout')).toContain('03-13 17:45');
    await panel.picture(`run-compare-${theme}`);
    await sound(panel);
  });

  it('is as narrow as its column beside a config', async () => {
    const panel = await opened('dark', run('succeeded'));
    await panel.page.setViewportSize({ width: 420, height: 800 });
    await panel.page.locator('#loss canvas').waitFor();
    await panel.picture('run-narrow');
    const width = await panel.page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBe(420);
    await panel.page.close();
  });

  it('tells why a run failed, and leads to the place', async () => {
    const location = { file: '/w/olive-config.json', line: 12, column: 3 };
    const failure = {
      code: 'out-of-memory',
      message: 'The GPU has no memory left.',
      hint: 'Halve the batch.',
      location,
    };
    const panel = await opened('dark', { ...run('failed', 40), failure, ended: 1 });
    await panel.page.getByRole('button', { name: 'olive-config.json:12:3' }).click();
    expect(panel.sent.at(-1)).toEqual({ type: 'goTo', runId: run('failed').runId, location });
    await panel.picture('run-failed-dark');
    await sound(panel);
  });

  it('is read and used by keyboard alone', async () => {
    const { page, sent, tell } = await opened('dark', run('succeeded'));
    await page.focus('#loss .plot');
    await page.keyboard.press('Home');
    expect(await page.textContent('#loss .readout')).toMatch(/^step 1/);
    expect(await page.textContent('#loss [role=status]')).toMatch(/^step 1/);
    await page.keyboard.press('ArrowRight');
    expect(await page.textContent('#loss .readout')).toMatch(/^step 2/);
    await page.getByRole('button', { name: 'Reveal model' }).focus();
    await page.keyboard.press('Enter');
    expect(sent.at(-1)).toEqual({ type: 'reveal', runId: TWO[0], path: '/home/me/tones/models/model' });
    await tell({ type: 'run', details: { ...run('succeeded'), message: 'news' } });
    expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('Reveal model');
    await page.close();
  });

  it('remembers what it shows', async () => {
    const panel = await open(browser, 'run', 'dark', { runs: '[]' }, { runIds: TWO, smooth: false });
    expect(panel.sent).toEqual([{ type: 'ready', runIds: TWO }]);
    expect(await panel.page.isChecked('#smooth')).toBe(false);
    await panel.page.close();
  });

  it('shows text as text, whatever is in it', async () => {
    const evil = '<img src=x onerror=alert(1)>';
    const details = {
      ...run('failed'),
      device: evil,
      message: evil,
      log: evil,
      failure: { code: 'x', message: evil, location: null },
    };
    const panel = await opened('dark', { ...details, runId: evil });
    expect(await panel.page.locator('img').count()).toBe(0);
    expect(await panel.page.textContent('#notices')).toContain(evil);
    await panel.page.close();
  });
});

describe.skipIf(!browserPath)('the panel to try a model', { timeout: 60_000 }, () => {
  const runId = run('succeeded').runId;
  const models: Models = {
    runId,
    models: [{ side: 'result', model: '/home/me/tones/models/model' }, { side: 'base', model: '/home/me/tones/model' }], // prettier-ignore
    template: '### Text: {phrase}\n### The tone is:\n',
    fields: ['phrase'],
    chat: false,
  };
  const opened = async (theme: Theme): Promise<Opened> => {
    const made = await open(browser, 'chat', theme, { run: runId });
    await made.tell({ type: 'models', models });
    return made;
  };
  const phrases = answers.map(({ prompt }) => prompt.replace('### Text: ', '').split('\n')[0]!);

  /** Ask, and let the models answer; the last answer of the base model goes on. */
  async function converse({ page, sent, tell }: Opened, open: boolean): Promise<void> {
    await page.getByLabel('Beside the base model').check();
    let id = 0;
    for (const [number, { result, base }] of answers.entries()) {
      await page.getByLabel('phrase').fill(phrases[number]!);
      await page.keyboard.press('Enter');
      await expect.poll(() => sent.filter(({ type }) => type === 'ask').length).toBe(2 * number + 2);
      for (const [side, text] of [
        ['result', result],
        ['base', base],
      ] as const) {
        id += 1;
        const words = text.split(/(?<= )/);
        const ends = !open || number < answers.length - 1 || side === 'result';
        const token = (text: string): object => ({ type: 'event', event: { runId, side, id, type: 'token', text } });
        await tell(token(words[0]!)); // before it is known whose it is
        await tell({ type: 'asked', turn: number, side, id });
        for (const word of words.slice(1, ends ? undefined : 9)) await tell(token(word));
        const figures = side === 'result' ? [103.9, 71] : [20.2, 96.3];
        const done = {
          type: 'done',
          tokens: words.length + 1,
          tokens_per_second: figures[0],
          first_token_ms: figures[1],
          reason: side === 'base' ? 'length' : 'end',
        };
        if (ends) await tell({ type: 'event', event: { runId, side, id, ...done } });
      }
    }
  }

  it.each(THEMES)('answers side by side, %s', async (theme) => {
    const panel = await opened(theme);
    await converse(panel, true);
    expect(panel.sent.find(({ type }) => type === 'ask')).toMatchObject({
      side: 'result',
      prompt: answers[0]!.prompt,
      maxTokens: 128,
      temperature: 0,
    });
    expect(await panel.page.textContent('#turn-0 .result .text')).toBe(answers[0]!.result);
    expect(await panel.page.textContent('#turn-0 .result .note')).toContain('104 tokens/s');
    expect(await panel.page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(true);
    await panel.picture(`chat-${theme}`);
    await panel.page.getByRole('button', { name: 'Stop' }).click();
    expect(panel.sent.at(-1)).toEqual({ type: 'stop' });
    await sound(panel);
  });

  it.each(THEMES)('begins with what the model was trained on, %s', async (theme) => {
    const panel = await opened(theme);
    await panel.page.click('#settings summary');
    expect(await panel.page.inputValue('#template')).toBe(models.template);
    await panel.picture(`chat-empty-${theme}`);
    await sound(panel);
  });

  it('gives up what nobody answers any longer', async () => {
    const panel = await opened('dark');
    await panel.page.getByLabel('phrase').fill('hello');
    await panel.page.keyboard.press('Enter');
    await panel.tell({ type: 'restarted' });
    expect(await panel.page.textContent('#turn-0 .note')).toContain('restarted');
    expect(await panel.page.getByRole('button', { name: 'Send' }).isDisabled()).toBe(false);
    await sound(panel);
  });

  it('brings a conversation back', async () => {
    const panel = await opened('dark');
    await converse(panel, false);
    const kept = await panel.page.evaluate(() => (globalThis as unknown as { keptState: object }).keptState);
    const again = await open(browser, 'chat', 'dark', { run: runId }, kept);
    expect(await again.page.textContent('#turn-2 .result .text')).toBe(answers[2]!.result);
    await panel.page.close();
    await again.page.close();
  });
});
