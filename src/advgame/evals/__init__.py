"""Evaluation: what a player learned, on seeds that no run trained on.

`advgame eval`, any model on tasks:

catalog      tasks and suites, as data
suite        runs tasks, one after the other, into one report
safety       … in Inspect: tasks (a task of ours), questions (its items), attacked (an Attacker's)
utility      … in lm-eval: harness (how it asks us), packaged (offline questions)
versus       … replies compared with a reference's: pairwise (tasks of Inspect), contests (prompts)
target       whom to measure, by name; loaded: its weights; provider: they as a model of Inspect
judging      who judges
tally        outcomes → rates over seeds; against: two reports, paired
roles        an Attacker and a scorer for anybody's task of Inspect; registry: what Inspect finds

`advgame measure`, and what a study and cross-play are made of, a run's players on its test seeds:

subjects     a run folder → seeds, seats, judge
arena        Attackers and Defenders of any run and step meet
measure      every attack on the Defender as it began and as it is
language     whether replies are still language
"""
