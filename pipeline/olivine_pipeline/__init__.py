"""What an olive-config.json does: fine-tune, merge, convert, measure.

Importing this package, and every command that does not train, loads no ML library.
"""

import os

# Libraries read these when they are loaded. ONNX Runtime keeps what it would tell in a database that all processes of a
# person share, and of several that run at once some end by SIGBUS in it.
os.environ.update(ORT_DISABLE_TELEMETRY="1", HF_HUB_DISABLE_TELEMETRY="1")
