"""Jobs, the store that keeps what they make, and what runs them on this machine. It knows nothing of music.

In: jobs with a key, what they need and a function that fills a folder. Out: folders by key, each there as a whole or not at all.
"""
