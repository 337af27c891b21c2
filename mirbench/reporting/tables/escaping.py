"""Text that stays text in Markdown and in LaTeX."""

from __future__ import annotations

import re

from mirbench.reporting.words import NONE

_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "[": "{[}", "*": "{*}", "†": r"\textdagger{}", "‡": r"\textdaggerdbl{}", NONE: "--",
}  # fmt: skip
_MARKUP = re.compile(
    r"[\\|*`]"
    r"|(?<![^\W_])_|_(?![^\W_])"  # between letters or digits it is no emphasis
    r"|~(?=.*~)"  # two strike through what is between them
    r"|\](?=[(\[])|^\[(?=[^\]]*\]:|[ xX]\] )"  # a link, the definition of one, a box to tick
    r"|^(?:#{1,6}|[-+]|-{2,}|\d{1,9}[.)])(?= |$)"  # a heading, an item of a list, a rule
)


def escape(text: str) -> str:
    r"""Text that a renderer of GitHub's Markdown shows as it is, in a cell of a table, a title or an item of a list.

    Only where it would be markup is anything escaped, so that ordinary names are read as they are in the file, too.

    >>> escape("mel_cnn, simclr[temperature=0.1] (first) costs ~5 $")
    'mel_cnn, simclr[temperature=0.1] (first) costs ~5 $'
    >>> print(escape("a|b <i> _x_ ~x~ [x](y)"))
    a\|b &lt;i&gt; \_x\_ \~x~ [x\](y)

    A dollar before another one begins a formula, which a backslash does not change there.

    >>> escape("$x$")
    '<span>$</span>x$'
    """
    text = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"\$(?=.*\$)", "<span>$</span>", _MARKUP.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", text))


def escape_latex(text: str) -> str:
    r"""Text that is text in LaTeX, also at the beginning of a row, where a bracket would be an option and a star a command.

    >>> print(escape_latex("a_b[p=50%]"))
    a\_b{[}p=50\%]
    """
    return " ".join("".join(_LATEX.get(x, x) for x in text).split())
