"""The names of the double's one workspace, which configs in tests give."""

from __future__ import annotations

SUBSCRIPTION = "00000000-1111-2222-3333-444444444444"
GROUP = "tuning"
NAME = "phrases"
TENANT = "99999999-8888-7777-6666-555555555555"
REGION = "eastus"
VAULT = "phrases-vault"
