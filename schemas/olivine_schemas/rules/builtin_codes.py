"""Documentation of the diagnostics that are not rules: those of the parsers, the schema and the old generation."""

from __future__ import annotations

from dataclasses import dataclass

from olivine_schemas.problems import Severity

ERROR, WARNING, HINT = Severity.ERROR, Severity.WARNING, Severity.HINT


@dataclass(frozen=True)
class Builtin:
    """A diagnostic with its usual severity and its documentation, whose first line is the title."""

    severity: Severity
    documentation: str


SYNTAX = {
    "bad-escape": Builtin(
        ERROR,
        r"""A backslash in a string that begins no escape.

JSON knows `\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t` and `\u` with four digits. In Windows paths write `/` or `\\`.

```json
"output_dir": "C:\models"
```

Olivine refuses the run and offers the string with its backslashes doubled.""",
    ),
    "bad-number": Builtin(
        ERROR,
        """A number as JSON does not write it.

JSON has no `.5`, `+1`, `0x10`, leading zeros, `NaN` or `Infinity`.

```json
"lora_dropout": .05
```

Olivine refuses the run and offers the number in JSON's way.""",
    ),
    "comment": Builtin(
        WARNING,
        """A comment in a JSON file.

JSON has no comments. Olivine allows them; Microsoft Olive stops with a traceback.

```json
{
  // the base model
  "input_model": { "type": "HfModel", "model_path": "microsoft/Phi-3-mini-4k-instruct" }
}
```

Olivine runs the config, and offers to remove the comment where the config is to be read by others too.""",
    ),
    "control-character": Builtin(
        ERROR,
        r"""A control character in a string, such as a tab.

Inside strings JSON writes it as an escape: `\t` for a tab.

Olivine refuses the run and offers the escape.""",
    ),
    "duplicate-key": Builtin(
        ERROR,
        """A key stands twice in one object.

JSON readers take the last one without a word, so half of what is written does not count.

```json
"lora": { "type": "LoRA", "r": 8, "r": 64 }
```

Olivine refuses the run: it cannot know which one is meant.""",
    ),
    "empty-document": Builtin(
        ERROR,
        """The file is empty.

A config is one object, and `input_model` is the least it holds.

Olivine refuses the run.""",
    ),
    "invalid-yaml": Builtin(
        ERROR,
        """A YAML file that cannot be read from here on.

Often an indentation that does not fit the lines around it, or a text with a colon that needs quotes.

```yaml
passes:
  lora:
      type: LoRA
     r: 8
```

Olivine refuses the run.""",
    ),
    "missing-colon": Builtin(
        ERROR,
        """Between a key and its value a colon is missing.

```json
"r" 64
```

Olivine refuses the run and offers the colon. Everything else in the file is checked all the same.""",
    ),
    "missing-comma": Builtin(
        ERROR,
        """Between two entries a comma is missing.

```json
"r": 64
"alpha": 16
```

Olivine refuses the run and offers the comma. Everything else in the file is checked all the same.""",
    ),
    "missing-value": Builtin(
        ERROR,
        """A key without a value.

```json
"r": ,
```

Olivine refuses the run.""",
    ),
    "not-an-object": Builtin(
        ERROR,
        """The file holds something other than an object.

A config is one object: it starts with `{`.

Olivine refuses the run.""",
    ),
    "python-literal": Builtin(
        ERROR,
        """`True`, `False` or `None` as Python writes them.

JSON writes `true`, `false` and `null`.

```json
"pad_to_max_len": False
```

Olivine refuses the run and offers the word in JSON's way.""",
    ),
    "single-quotes": Builtin(
        ERROR,
        """A string in single quotes.

JSON strings stand in double quotes.

```json
"type": 'LoRA'
```

Olivine refuses the run and offers the string in double quotes.""",
    ),
    "too-many-aliases": Builtin(
        ERROR,
        """A YAML file that grows beyond measure through its aliases.

Each `*name` stands for a copy of its anchor, and copies of copies multiply.

Olivine refuses the run.""",
    ),
    "trailing-comma": Builtin(
        WARNING,
        """A comma behind the last entry.

JSON does not have it. Olivine allows it; Microsoft Olive stops with a traceback.

```json
["o_proj", "qkv_proj",]
```

Olivine runs the config, and offers to remove the comma.""",
    ),
    "unclosed": Builtin(
        ERROR,
        """A bracket, string or comment that is not closed, or a string that is not opened.

```json
"target_modules": ["o_proj", "qkv_proj"
```

Olivine refuses the run and offers what is missing. What is inside is checked all the same.""",
    ),
    "unexpected-text": Builtin(
        ERROR,
        """Something that does not belong where it stands.

A bracket, quote, colon or comma too many, or a word without quotes.

```json
"type": LoRA
```

Olivine refuses the run and offers to remove it or, where a string was meant, to add the quotes.""",
    ),
    "unknown-anchor": Builtin(
        ERROR,
        """A YAML alias to an anchor that is not there.

`*name` repeats what was marked as `&name` above.

Olivine refuses the run.""",
    ),
    "unopened": Builtin(
        ERROR,
        """A value whose opening bracket is missing.

The closing bracket further down shows what was meant.

```json
"lora": "type": "LoRA" }
```

Olivine refuses the run and offers the bracket.""",
    ),
}
"""What the parsers of JSON and YAML report."""

LANGUAGE = {
    "ignored-setting": Builtin(
        WARNING,
        """A setting that has no effect.

It belongs to an older version, or to another pass: `double_quant` is a setting of QLoRA, and a well-known tutorial has
it on its LoRA pass all the same. The message says why nothing follows it.

```json
"lora": { "type": "LoRA", "double_quant": true }
```

Olivine runs without it.""",
    ),
    "missing-key": Builtin(
        ERROR,
        """A setting that is needed is not there.

```json
"lora": { "type": "LoRA" }
```

Olivine refuses the run. In a pass that it only checks, for other versions of Microsoft Olive, it warns.""",
    ),
    "old-form": Builtin(
        HINT,
        """A whole block in the form of 2024.

Configs of Olive 0.4 to 0.6 wrap settings in `config`, and have `hf_config`, `params_config` and `components`.

```json
"data_configs": [{ "name": "phrases", "params_config": { "data_name": "json", "split": "train" } }]
```

Olivine understands both forms, with the defaults of their time. `olivine migrate` rewrites the file.""",
    ),
    "old-name": Builtin(
        HINT,
        """A setting by its old name.

Names changed between versions: `lora_r` is `r` today, `evaluation_strategy` is `eval_strategy`. Microsoft Olive drops
old names with a warning, or without one, and goes on with its defaults.

```json
"lora": { "type": "LoRA", "lora_r": 64 }
```

Olivine understands the old name and offers today's.""",
    ),
    "out-of-range": Builtin(
        ERROR,
        """A number outside its limits.

A rank is at least 1, a dropout is below 1, and so on.

```json
"lora": { "type": "LoRA", "r": -8 }
```

Microsoft Olive finds out after the model is loaded. Olivine refuses the run.""",
    ),
    "unknown-key": Builtin(
        ERROR,
        """A key that is no setting of its block.

```json
"lora": { "type": "LoRA", "lora_dropuot": 0.1 }
```

Most often it is misspelled: Olivine offers the settings that are alike, and refuses the run. Where no setting is alike
it warns, as Microsoft Olive ignores most unknown keys.""",
    ),
    "unknown-type": Builtin(
        ERROR,
        """A pass, system, model or component type that there is not.

```json
"lora": { "type": "LoRAA" }
```

Olivine refuses the run and offers the types that are alike.""",
    ),
    "unknown-value": Builtin(
        ERROR,
        """A value that is none of those to choose from.

```json
"build": { "type": "ModelBuilder", "precision": "int5" }
```

Olivine refuses the run, lists the values that work, and offers those that are alike.""",
    ),
    "unsupported-value": Builtin(
        WARNING,
        """A value that Microsoft Olive knows, and Olivine does not run.

The message says which values it runs.

Olivine checks the config; the run is refused when it comes to the setting.""",
    ),
    "wrong-case": Builtin(
        HINT,
        """A type in other letters than its own.

Letter case of types is tolerated, here and by Microsoft Olive.

```json
"lora": { "type": "lora" }
```

Olivine runs it and offers the proper spelling.""",
    ),
    "wrong-type": Builtin(
        ERROR,
        """A value of the wrong kind: a text where a number belongs, an object where a list does.

```json
"training_args": { "max_steps": "many" }
```

Microsoft Olive stops in the middle of the run, with the error of whatever line tripped over it. Olivine refuses the
run.""",
    ),
}
"""What the schema and the resolving of both generations report."""

BUILTIN: dict[str, Builtin] = {**SYNTAX, **LANGUAGE}
"""Every diagnostic that is not a rule, by code."""
