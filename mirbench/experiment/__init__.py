"""What a run is made of: the data and the encoders that were chosen, the jobs, and what is gathered from them.

In: settings and a registry. Out: a graph of jobs for the engine, and a run folder made of what they left. It starts no process.
"""
