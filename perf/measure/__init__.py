"""What perf/matrix is made of.

- rows: what is measured, and what is aimed at;
- servers: whom it is measured on;
- install: how they come to be there;
- network: a network of our own, where TCP can be told how to behave;
- cores: those it is measured on, and what they lost to other machines;
- processes: starting a server, asking the load generator about it, ending both;
- record: what came out, kept;
- figures: the numbers that decide;
- verdicts: the goals, and whether they are met;
- table and plots: how they are shown;
- tests: of what needs no server, by `python3 -m unittest measure.tests` in perf/.
"""
