"""The annotations and the excerpts of 45 seconds: names that end in a tab, times as minutes.seconds, songs that nobody rated."""

from pathlib import Path

from miniature import Expected, sound

SONGS = """song_id,file_name,Artist,Song title,start of the segment (min.sec),end of the segment (min.sec),Genre,Mediaeval 2013 set
2,2.mp3\t,The New Mystikal Troubadours\t,Tonight A Lonely Century\t,0.5,1.35,Blues\t,development
3,3.mp3\t,James Curd\t,We Loved It\t,1.32,2.17,Blues\t,development
4,4.mp3\t,"One, Two ""Three""\t",After\t,0,0.45,Blues\t,evaluation
5,5.mp3\t,Ünder\t,First\t,0.3,1.15,Classical\t,development
7,7.mp3\t,Under\t,First\t,0.3,1.15,Classical\t,development
8,8.mp3\t,Other\t,First\t,0.3,1.15,Classical\t,development
10,10.mp3\t,Ten\t,First\t,0.3,1.15,Country\t,development
12,12.mp3\t,Twelve\t,First\t,0.3,1.15,Country\t,development
13,13.mp3\t,Thirteen\t,First\t,0.3,1.15,Folk\t,evaluation
17,17.mp3\t,Seventeen\t,First\t,0.3,1.15,Folk\t,development
18,18.mp3\t,thirteen \t,Second\t,0.3,1.15,Folk\t,development
20,20.mp3\t,Twenty\t,First\t,0.3,1.15,Jazz\t,development
999,999.mp3\t,Twenty-one\t,First\t,0.3,1.15,Jazz\t,development
1000,1000.mp3\t,Nobody\t,Rated\t,0.3,1.15,Rock\t,development
"""
RATINGS = {2: (3.1, 3), 3: (3.5, 3.3), 4: (5.7, 5.5), 5: (4.4, 5.3), 7: (5.8, 6.4), 8: (7.2, 5.2), 10: (4, 5.8), 12: (5.9, 3.9)}
RATINGS |= {13: (5, 5.25), 17: (2.9, 4.1), 18: (6.5, 6.7), 20: (5.3, 7), 999: (6.1, 4.6)}


def write(folder: Path) -> None:
    (folder / "annotations").mkdir()
    (folder / "annotations" / "songs_info.csv").write_bytes(SONGS.encode())
    rows = [f"{song},{arousal},1.5239,{valence},1.7654\n" for song, (arousal, valence) in RATINGS.items()]
    heading = "song_id,mean_arousal,std_arousal,mean_valence,std_valence\n"
    (folder / "annotations" / "static_annotations.csv").write_text(heading + "".join(rows))
    (folder / "annotations" / "arousal_cont_average.csv").write_text("song_id,sample_15000ms,sample_15500ms\n2,-0.1,-0.1\n")
    for song in (*RATINGS, 1000):
        sound(folder / "clips_45seconds" / f"{song}.mp3", sample_rate=44_100, channels=2)


EXPECTED = Expected(
    splits={"train": 8, "valid": 2, "test": 2},
    labels={"emotion": {"2": "3.1|3", "4": "5.7|5.5", "999": "6.1|4.6"}},
    groups={"2": "the new mystikal troubadours", "4": 'one, two "three"', "13": "thirteen"},
    left_out=("18.mp3", "1000.mp3"),  # by an artist of the test set; not rated
)
