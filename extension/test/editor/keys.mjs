// What a person does in the editor, by keyboard: a mouse that rests on a hover or a notification steals later clicks.

/** The hands of a person on a page of VS Code. */
export function hands(page) {
  const quick = page.locator('.quick-input-widget');

  /**
   * Open the quick input by `key`, write `text` and wait for `found`. The editor closes it when something else takes the
   * focus, as a page does that has just opened; then once more.
   */
  async function quickly(key, text, found) {
    for (const timeout of [4_000, 8_000, 16_000, 32_000, 64_000]) {
      try {
        await page.keyboard.press(key);
        await quick.locator('input').first().fill(text, { timeout });
        return await found.waitFor({ timeout });
      } catch (error) {
        if (timeout === 64_000) throw error;
      }
    }
  }

  /** Run a command of the palette by its whole title. */
  async function command(title) {
    await quickly('F1', `>${title}`, quick.locator('.monaco-list-row.focused', { hasText: title }));
    await page.keyboard.press('Enter');
  }

  /** Open a file of the workspace by name. */
  async function open(name) {
    await quickly('Control+P', name, quick.locator('.monaco-list-row.focused', { hasText: name }));
    await page.keyboard.press('Enter');
    await page.locator('.tab.active', { hasText: name }).waitFor();
  }

  /** Put the cursor of the first editor at a line and column, counted from 1. */
  async function go(line, column) {
    await page.keyboard.press('Control+1');
    await page.locator('.monaco-editor.focused').waitFor();
    await quickly('Control+G', `:${line}:${column}`, quick.getByText(new RegExp(`line ${line}`, 'i')).first());
    await page.keyboard.press('Enter');
    await quick.waitFor({ state: 'hidden' });
    await page.locator('#status\\.editor\\.selection', { hasText: `Ln ${line}, Col ${column}` }).waitFor();
  }

  const toast = (text) => page.locator('.notification-toast', { hasText: text });

  /** Wait for a message. The pointer rests on it then, or the editor would soon take it away. */
  async function told(text) {
    await toast(text).waitFor();
    await toast(text).hover();
  }

  /** Click a lens. The editor drops a click on one that it is about to draw anew, so look whether it was `done`. */
  async function lens(title, done) {
    const link = page.locator('.codelens-decoration a').getByText(title, { exact: true });
    for (let tries = 0; tries < 5; tries++) {
      await link.click();
      for (let waits = 0; waits < 50; waits++) {
        if (done()) return;
        await page.waitForTimeout(100);
      }
    }
    throw new Error(`The lens "${title}" does nothing.`);
  }

  const press = (where, name) => where.getByRole('button', { name }).click();

  return { command, open, go, lens, toast, told, press };
}
