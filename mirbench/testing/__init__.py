"""For plugin authors: does what a plugin provides keep to the contract? In your tests: `mirbench.testing.check_encoder(Mine())`.

In: a noun. Out: nothing, or an AssertionError with a sentence that says what is wrong.
"""

from mirbench.testing.nouns import check_backbone as check_backbone
from mirbench.testing.nouns import check_corruption as check_corruption
from mirbench.testing.nouns import check_dataset as check_dataset
from mirbench.testing.nouns import check_encoder as check_encoder
from mirbench.testing.nouns import check_supervision as check_supervision
from mirbench.testing.nouns import check_task as check_task
from mirbench.testing.probes import check_probe as check_probe
