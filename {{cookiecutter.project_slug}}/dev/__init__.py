"""For development and tests only; the image does not contain it."""

import warnings

# Most containers do not set it; a temporary folder serves as well.
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
