// The pages of webviews, before their scripts fill them. No code of the editor here: tests open them in a browser.

export interface PageParts {
  title: string;
  /** Where scripts and styles may come from, as the webview says. */
  source: string;
  nonce: string;
  script: string;
  style: string;
  body: string;
  /** Put on the body as `data-…`. */
  data: Record<string, string>;
}

/** A page that runs one script and takes nothing from anywhere else. */
export function page({ title, source, nonce, script, style, body, data }: PageParts): string {
  const policy = `default-src 'none'; style-src ${source}; script-src 'nonce-${nonce}'`;
  const given = Object.entries(data).map(([name, value]) => ` data-${name}="${escaped(value)}"`);
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${escaped(policy)}">
<title>${escaped(title)}</title>
<link rel="stylesheet" href="${escaped(style)}">
</head>
<body${given.join('')}>
${body}
<script nonce="${escaped(nonce)}" src="${escaped(script)}"></script>
</body>
</html>
`;
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

export const RUN_BODY = `<main>
<p id="waiting">Reading the run…</p>
<p id="gone" role="alert" hidden></p>
<div id="heads"></div>
<div id="notices"></div>
<section aria-labelledby="passes-title" hidden><h2 id="passes-title">Passes</h2><div id="passes"></div></section>
<section id="curves" aria-labelledby="curves-title" hidden>
<div class="head"><h2 id="curves-title">Training</h2><label><input type="checkbox" id="smooth"> Smooth the curves</label></div>
<div id="loss"></div>
<div id="others"></div>
</section>
<section aria-labelledby="measures-title" hidden><h2 id="measures-title">Before and after</h2><div id="measures" class="scroll" tabindex="0" role="region" aria-labelledby="measures-title"></div></section>
<section aria-labelledby="artifacts-title" hidden><h2 id="artifacts-title">Results</h2><div id="artifacts"></div></section>
<details id="log"><summary>Log</summary><button type="button" class="link" id="whole-log">Open the whole log</button><div id="tails"></div></details>
</main>`;

export const CHAT_BODY = `<main>
<header>
<h1 id="title">Try it</h1>
<p id="about"></p>
<details id="settings"><summary>Settings</summary>
<div class="settings">
<label class="wide">Template <small>what is sent; names in braces are filled in</small><textarea id="template" rows="3" spellcheck="false"></textarea></label>
<label>Longest answer, tokens<input type="number" id="max-tokens" min="1" max="8192" step="1"></label>
<label>Temperature<input type="number" id="temperature" min="0" max="5" step="0.1"></label>
<label class="check" id="chat-row"><input type="checkbox" id="chat"> Put the model's chat template around it</label>
</div>
</details>
</header>
<div id="turns" role="log" aria-label="Conversation" aria-live="off" tabindex="0"></div>
<p id="status" class="unseen" role="status"></p>
<form id="composer">
<div id="fields"></div>
<div class="send">
<label class="check" id="base-row"><input type="checkbox" id="base"> Beside the base model</label>
<button type="button" class="link" id="clear">Clear</button>
<button type="button" id="stop" disabled>Stop</button>
<button type="submit" class="primary" id="send">Send</button>
</div>
</form>
</main>`;
