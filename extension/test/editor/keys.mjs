// What a person does in the editor, by keyboard: a mouse that rests on a hover or a notification steals later clicks.

/** The hands of a person on a page of VS Code. */
export function hands(page) {
  const quick = page.locator('.quick-input-widget');

  /** Run a command of the palette by its whole title. */
  async function command(title) {
    await page.keyboard.press('F1');
    await quick.locator('input').first().waitFor();
    await quick.locator('input').first().fill(`>${title}`);
    const row = quick.locator('.monaco-list-row.focused', { hasText: title });
    await row.waitFor();
    await page.keyboard.press('Enter');
  }

  /** Open a file of the workspace by name. */
  async function open(name) {
    await page.keyboard.press('Control+P');
    await quick.locator('input').first().fill(name);
    await quick.locator('.monaco-list-row.focused', { hasText: name }).waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.tab.active', { hasText: name }).waitFor();
  }

  /** Put the cursor of the first editor at a line and column, counted from 1. */
  async function go(line, column) {
    await page.keyboard.press('Control+1');
    await page.locator('.monaco-editor.focused').waitFor();
    await page.keyboard.press('Control+G');
    await quick.locator('input').first().waitFor();
    await quick.locator('input').first().fill(`:${line}:${column}`);
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

  const press = (where, name) => where.getByRole('button', { name }).click();

  return { command, open, go, toast, told, press };
}
