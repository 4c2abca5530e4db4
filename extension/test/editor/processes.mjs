// The processes of this machine, as Linux tells of them.
import { readdirSync, readFileSync } from 'node:fs';

/** The pids of living processes with `text` in their command and `mark` in their environment. */
export function processes(text, mark) {
  const found = [];
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      if (command.includes(text) && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark))
        found.push(Number(pid));
    } catch {
      // it is gone
    }
  }
  return found;
}
