"""Which of the files that are read are data."""

from mirbench.testing.opened import data_files


def test_libraries_and_what_is_known_are_no_data(tmp_path):
    names = ("net.pt", "weights.so.bin", "libomp.so", "libmkl_def.so.2", "libpython3.12.so.1.0", "mine.py", "known.pt", "known/part.bin")
    (tmp_path / "known").mkdir()
    for name in names:
        (tmp_path / name).write_bytes(b"")
    found = data_files([str(tmp_path / name) for name in (*names, "gone.pt")], [tmp_path / "known.pt", tmp_path / "known"])
    assert [path.name for path in found] == ["net.pt", "weights.so.bin"]
