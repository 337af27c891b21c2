"""Tables as data sets come with them: what is understood, and that each fault is named by file and line."""

import pytest

import mirbench
from mirbench.data.published.tables import table_rows


@pytest.fixture
def table(tmp_path):
    """Writes bytes and reads them as a table."""

    def read(content: bytes, columns=(), delimiter=",", **how):
        (tmp_path / "labels.csv").write_bytes(content)
        return mirbench.read_table(tmp_path / "labels.csv", columns, delimiter, **how)

    return read


@pytest.mark.parametrize(
    "content",
    [
        b"id,tag\n1,slow\n2,fast\n",
        b"id,tag\n1,slow\n2,fast",
        b"\xef\xbb\xbfid,tag\r\n1,slow\r\n2,fast\r\n",
        b'"id","tag"\n"1","slow"\n\n"2","fast"\n\n',
        b"id,tag\r1,slow\r2,fast\r",
        b"tag,id\nslow,1\nfast,2\n",
    ],
)
def test_any_line_ends_quotes_and_order(table, content):
    assert [dict(row) for row in table(content, ("id", "tag"))] == [{"id": "1", "tag": "slow"}, {"id": "2", "tag": "fast"}]


def test_text_is_taken_as_it_is(table):
    (row,) = table('a\tb\n"caf\u00e9, ""x"""\t 1 \n'.encode(), delimiter="\t")
    assert row == {"a": 'café, "x"', "b": " 1 "}


def test_without_a_heading_the_columns_name_the_cells(table):
    assert table(b"000046_3840\n000135_483840\n", ("key",), header=False) == [{"key": "000046_3840"}, {"key": "000135_483840"}]


def test_an_open_end_takes_the_rest_of_the_line(table):
    rows = table(b"id\ttags\n1\ta\tb\tc\n2\td\n", ("id", "tags"), "\t", open_ended=True)
    assert [row["tags"] for row in rows] == ["a\tb\tc", "d"]


def test_lines_are_counted_as_they_stand(table):
    rows = table(b'id,tag\n1,"two\nlines"\n\n2,fast\n')
    assert [row.line for row in rows] == [3, 5]
    assert str(rows[1].wrong("names no tag")).endswith("labels.csv, line 5 names no tag; restore the file as it is published.")


@pytest.mark.parametrize(
    ("content", "columns", "told"),
    [
        (b"", (), "labels.csv is empty"),
        (b"\n\n", (), "labels.csv is empty"),
        (b"id,tag\n1,slow\n2\n", (), "labels.csv, line 3 has 1 cell where 2 belong"),
        (b"id,tag\n1,slow,fast\n", (), "labels.csv, line 2 has 3 cells where 2 belong"),
        (b"id,tag\n1,slow\n", ("id", "key"), "labels.csv, line 1 lacks the column 'key': it begins with 'id,tag'"),
        (b"id,id\n1,slow\n", ("id",), "labels.csv, line 1 twice has the column 'id'"),
        (b'id,tag\n1,"slow\n', (), "labels.csv, line 2 cannot be read as a table"),
        (b"id,tag\n1,slow\n2,caf\xe9\n", (), "labels.csv, line 3 is not UTF-8 text"),
        (b"<!DOCTYPE html>\n<title>404</title>\n", ("id",), "lacks the column 'id': it begins with '<!DOCTYPE html>'"),
    ],
)
def test_a_fault_is_named(table, content, columns, told):
    with pytest.raises(mirbench.MirbenchError) as caught:
        table(content, columns)
    assert told in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_a_fault_on_a_line_far_down_is_named(table):
    with pytest.raises(mirbench.MirbenchError, match="line 30002 is not UTF-8"):
        table(b"id,tag\n" + b"1,slow\n" * 30_000 + b"\xff,slow\n")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(mirbench.MirbenchError, match=r"labels\.csv is missing; get it from where the data set is published"):
        mirbench.read_table(tmp_path / "labels.csv")
    with pytest.raises(mirbench.MirbenchError, match=r"cannot be read \(Is a directory\)"):
        mirbench.read_table(tmp_path)


def test_numbers(table):
    row, other = table(b"id,value\n1,-1e-2\n2,nan\n")
    assert row.number("value") == -0.01
    for column in ("value", "id"):
        other["id"] = "two"
        with pytest.raises(mirbench.MirbenchError, match=f"line 3 has '(nan|two)' as {column}, which is not a number"):
            other.number(column)


def test_a_line_at_a_time(tmp_path):
    (tmp_path / "labels.csv").write_bytes(b"id,tag\n1,slow\n2\n")
    rows = table_rows(tmp_path / "labels.csv")
    assert next(rows)["tag"] == "slow"
    with pytest.raises(mirbench.MirbenchError, match="line 3"):
        next(rows)
