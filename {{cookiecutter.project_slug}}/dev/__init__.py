"""For development and tests only; the image does not contain it."""
