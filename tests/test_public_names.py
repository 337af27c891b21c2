"""What `import mirbench` shows."""

import subprocess
import sys

import mirbench


def test_every_public_name_is_shown_and_none_is_imported_for_that():
    assert set(mirbench.__all__) <= set(dir(mirbench))
    assert {"read_table", "assign_splits", "Checksums", "__version__"} <= set(dir(mirbench))
    code = "import sys, mirbench; dir(mirbench); print(sorted({'torch', 'numpy', 'soundfile'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
