"""Keep secrets out of logs and events: tokens, signatures and account keys become `***`.

A text may have been quoted on its way, as JSON, as a URL or by Python: what is left of that beside a secret is a part
of neither.
"""

from __future__ import annotations

import re
from typing import Any

HIDDEN = "***"

_QUOTE = r"\\*[\"']"
_ASSIGNED = rf"(?:{_QUOTE}\]?\s*[:=]\s*\[?b?{_QUOTE}|\s*=\s*(?:{_QUOTE})?|%(?:25)*3D)"
_VALUE = r"(?:[\w+/=.~%-]|\\u00[0-9a-f]{2}){8,}"

SECRETS = re.compile(
    rf"""
      (?-i:hf_)(?:(?<![A-Za-z0-9]...)[A-Za-z0-9]{{16,}}|[A-Za-z0-9]{{30,}})                    # Hugging Face token
    | (?-i:eyJ)(?:(?:(?<![A-Za-z0-9]...)|(?<=\\[nrt]...)|(?<=%[0-9A-F]{{2}}...))[\w-]{{5,}}\.|[\w-]{{8,}}(?-i:\.eyJ))
              [\w-]{{5,}}\.[\w-]*                                                             # JSON web token
    | (?<![A-Za-z0-9+/])[A-Za-z0-9+/]{{86,89}}==                                              # Azure storage key
    | (?<=[\w~.-]{{3}}\d)(?-i:Q~)[\w~.-]{{31,34}}                                             # Azure client secret
    | (?P<header>Authorization(?:{_QUOTE})?\s*[:=]\s*(?:b?{_QUOTE})?(?:\w+\s+)?)[\w.~+/=-]{{8,}}
    | (?P<bearer>Bearer(?:\s+|%20))[\w.~+/=-]{{20,}}
    | (?P<key>(?:(?:Account|Access|Subscription|Api|Storage)[_-]?Key|(?:Access|Refresh|\bId|Bearer|Auth|Api)_?Token)
              (?:{_ASSIGNED}|:\s*(?=[\w+/=.~%-]{{20}}))){_VALUE}
    | (?P<named>(?:HF_TOKEN|HUGGING_FACE_HUB_TOKEN|CLIENT_SECRET|password){_ASSIGNED})[^\s"'&;,]{{4,}}
    | (?P<signature>(?:(?<![A-Za-z])sig|SharedAccessSignature){_ASSIGNED}){_VALUE}            # of a shared access URL
    | (?P<url>://[^\s/:@]*:)[^\s/@]+(?=@)                                                     # https://user:password@host
    | (?P<user>://)[^\s/:@]{{20,}}(?=@)                                                       # https://token@host
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def redact(text: str) -> str:
    """The text with every secret in it replaced by `***`; what names the secret stays readable."""
    return SECRETS.sub(lambda match: f"{match[match.lastgroup] if match.lastgroup else ''}{HIDDEN}", text)


def redact_data(data: Any) -> Any:
    """JSON with the secrets in all of its texts hidden."""
    if isinstance(data, str):
        return redact(data)
    if isinstance(data, list):
        return [redact_data(item) for item in data]
    if isinstance(data, dict):
        return {key: redact_data(value) for key, value in data.items()}
    return data
