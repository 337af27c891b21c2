"""Here reports are drawn."""

import pytest


@pytest.fixture(autouse=True)
def undrawn():
    """In the place of that of the other tests."""
