"""For plugin authors: does what a plugin provides keep its promises? In your tests: `mirbench.testing.check_encoder(Mine())`.

In: a noun. Out: nothing, or an AssertionError with a sentence that says what is wrong; of `examine`, every promise by itself.
"""

from mirbench.testing.checks import check_backbone as check_backbone
from mirbench.testing.checks import check_corruption as check_corruption
from mirbench.testing.checks import check_dataset as check_dataset
from mirbench.testing.checks import check_encoder as check_encoder
from mirbench.testing.checks import check_probe as check_probe
from mirbench.testing.checks import check_supervision as check_supervision
from mirbench.testing.checks import check_task as check_task
