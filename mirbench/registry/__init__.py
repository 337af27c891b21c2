"""Who provides what: plugins by three doors, the contract that they keep, and encoders, tasks, data sets and the rest by name.

In: modules with hooks. Out: a `Registry` of nouns, each with its provider.
"""

from mirbench.registry.plugins import Registry as Registry
from mirbench.registry.plugins import load as load
