"""For development and tests only; the image does not hold it."""

import warnings

# Where there is none, as in most containers, a folder is made in its place, and that is all it is needed for.
warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
