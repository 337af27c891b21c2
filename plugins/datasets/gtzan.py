"""GTZAN: 1,000 excerpts of 30 s in ten genres (Tzanetakis and Cook 2002), in the fault-filtered split of Kereliuk et al. 2015.

The split needs no list on disk: its 930 excerpts stand here, numbered from 1 to 1,000 in the order of the genres as in the lists of
Kereliuk et al. (github.com/coreyker/dnn-mgr); torchaudio 2.11 has the same. Left out by it are repetitions, mislabelled excerpts and
distorted ones. In many copies of the data set jazz.00054 cannot be read: it is skipped and counted like any other such file.
"""

from __future__ import annotations

from pathlib import Path

import mirbench

ARCHIVE = "https://huggingface.co/datasets/marsyas/gtzan/resolve/main/data/genres.tar.gz"
GENRES = ("blues", "classical", "country", "disco", "hiphop", "jazz", "metal", "pop", "reggae", "rock")
FOLDERS = ("genres", "genres_original")

SPLITS = {
    "train": (
        "30-50 74-98 131-134 144-149 151-168 181-200 220-227 229-230 266-300 306 316-321 323-338 340-346 348 350 354-355 357-358 360 362 "
        "371 374-375 390 403-426 429-430 432-439 442-443 456-462 478-481 501-502 512-525 542 548-573 603-604 606 622 625 636 647-658 "
        "660-667 670 672-673 680-681 685 687 690-700 703-710 712-713 717-721 724-730 732-737 739-743 745 747 750-751 781 798-803 805 807 "
        "810 812-813 815-833 843-846 850-852 855-861 864 870 901-910 917-927 958-971 992-1000"
    ),
    "valid": (
        "1-12 51-61 101-111 169-177 201-208 210-219 228 242-243 246 250 301 303-305 307-315 347 349 353 368-369 373 376 391 396 482-499 "
        "503-511 526-533 601-602 607-612 617-621 637-638 669 677-678 682-683 711 754 756 759-763 782 784-787 862-863 871 873 875 877-879 "
        "886 893-900 939 950-957 972-986"
    ),
    "test": (
        "13-29 62-73 99-100 112-130 135-142 150 178-180 231-241 244-245 247-249 251-252 254-265 302 322 359 363-367 370 377-389 392-395 "
        "397-398 400-401 427-428 431 441 444-446 452-455 463-476 500 574-600 613-616 623-624 626-634 639-640 668 671 674-676 679 684 686 "
        "688-689 701-702 714-715 744 764-767 770-780 783 789-797 835-841 847-849 853-854 865-869 872 880 883-885 888-891 911-916 928-938 "
        "940-949 987-991"
    ),
}


def numbers(ranges: str) -> list[int]:
    """
    >>> numbers("1-3 7")
    [1, 2, 3, 7]
    """
    ends = [[int(end) for end in part.split("-")] for part in ranges.split()]
    return [number for part in ends for number in range(part[0], part[-1] + 1)]


class Gtzan(mirbench.Dataset):
    name = "gtzan"
    description = "1,000 excerpts of 30 s in ten genres, 930 of them in the fault-filtered split"
    home = "https://huggingface.co/datasets/marsyas/gtzan"
    version = "fault-filtered"
    licence = "none stated; for research"
    citation = (
        "G. Tzanetakis and P. Cook, Musical genre classification of audio signals, IEEE Transactions on Speech and Audio Processing 10(5), "
        "2002; split: C. Kereliuk, B. L. Sturm and J. Larsen, Deep learning and music adversaries, IEEE Transactions on Multimedia, 2015"
    )
    annotations = ("genre",)
    classes = {"genre": GENRES}
    folders = ("gtzan",)
    files = (mirbench.Files("genres*/*/*.[aw][au]*", 1000, source=ARCHIVE),)
    downloads = (mirbench.Download(ARCHIVE, 1_226, "tar", 1_330),)
    access = "unpack genres.tar.gz, or another archive of it: genres/ or genres_original/, with a folder for each genre, goes in there."
    split_rule = (
        "Fault-filtered (Kereliuk et al. 2015), 443 train, 197 valid, 290 test: made so that no known artist is in two splits; who plays "
        "is not published with it, so each excerpt is a group of its own."
    )

    def clips(self, folder: Path) -> list[mirbench.Clip]:
        parts = [folder / name for name in FOLDERS if (folder / name).is_dir()]
        if not parts:
            raise mirbench.MirbenchError(f"{folder} has no folder {' or '.join(FOLDERS)}; put the one with a folder for each genre there.")
        names = {path.name for genre in GENRES for path in (parts[0] / genre).glob("*")}
        clips = []
        for split, ranges in SPLITS.items():
            for number in numbers(ranges):
                genre = GENRES[(number - 1) // 100]
                name = f"{genre}.{(number - 1) % 100:05}"
                ending = "au" if f"{name}.au" in names and f"{name}.wav" not in names else "wav"
                path = parts[0] / genre / f"{name}.{ending}"
                clips.append(mirbench.Clip(name, path, split, name, annotations={"genre": genre}))
        return clips


@mirbench.hookimpl
def register_datasets() -> list[mirbench.Dataset]:
    return [Gtzan()]
