"""Keep secrets out of logs and events: tokens, signatures and account keys become `***`."""

from __future__ import annotations

import re

HIDDEN = "***"

SECRETS = re.compile(
    r"""
      \bhf_[A-Za-z0-9]{16,}                                        # Hugging Face token
    | \beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*                            # JSON web token: header.payload.signature
    | (?P<bearer>\b(?:Bearer|Basic)\s+)[\w.~+/=-]{8,}              # Authorization header
    | (?P<key>\b(?:Account|SharedAccess|Api|Access)_?-?Key"?\s*[=:]\s*"?)[\w+/=.~-]{8,}   # connection string, api_key=…
    | (?P<named>\b(?:HF_TOKEN|HUGGING_FACE_HUB_TOKEN|(?:AZURE_)?CLIENT_SECRET|password)"?\s*[=:]\s*"?)[^\s"'&;,]{4,}
    | (?P<sas>(?:[?&;]|\b)(?:sig|SharedAccessSignature)=)[\w%+/=-]{8,}  # shared access signature of a URL
    """,
    re.VERBOSE | re.IGNORECASE,
)


def redact(text: str) -> str:
    """The text with every secret in it replaced by `***`; what names the secret stays readable."""
    return SECRETS.sub(lambda match: f"{match[match.lastgroup] if match.lastgroup else ''}{HIDDEN}", text)
