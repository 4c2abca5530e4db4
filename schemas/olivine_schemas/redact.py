"""Keep secrets out of logs and events: tokens, signatures and account keys become `***`."""

from __future__ import annotations

import re

HIDDEN = "***"

_ASSIGNED = r"""(?:["']\s*:\s*["']|\s*=\s*["']?)"""

SECRETS = re.compile(
    rf"""
      (?<![A-Za-z0-9])hf_[A-Za-z0-9]{{16,}}                                             # Hugging Face token
    | (?<![A-Za-z0-9])eyJ[\w-]{{5,}}\.[\w-]{{5,}}\.[\w-]*                                             # JSON web token
    | (?<![A-Za-z0-9+/])[A-Za-z0-9+/]{{86}}==                                                # Azure storage key
    | (?P<header>\bAuthorization["']?\s*[:=]\s*["']?(?:\w+\s+)?)[\w.~+/=-]{{8,}}
    | (?P<bearer>\bBearer\s+)[\w.~+/=-]{{20,}}
    | (?P<key>\b(?:Account|Shared_?Access|Subscription|Api|Access)[_-]?Key{_ASSIGNED})[\w+/=.~%-]{{8,}}
    | (?P<named>\b(?:HF_TOKEN|HUGGING_FACE_HUB_TOKEN|\w*CLIENT_SECRET|\w*password){_ASSIGNED})[^\s"'&;,]{{4,}}
    | (?P<signature>\b(?:sig|SharedAccessSignature)=)[\w%+/=-]{{8,}}                    # of a shared access URL
    | (?P<url>\b[a-z]+://[^\s/:@]*:)[^\s/@]+(?=@)                                       # https://user:password@host
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def redact(text: str) -> str:
    """The text with every secret in it replaced by `***`; what names the secret stays readable."""
    return SECRETS.sub(lambda match: f"{match[match.lastgroup] if match.lastgroup else ''}{HIDDEN}", text)
