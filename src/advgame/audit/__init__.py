"""Can a judge be believed? Against human labels, a second judge, and tricks that must not work.

labels     packaged human labels, and which half of them an embedded judge has learned from
open       what the user wrote → judges, and the labels that are fair to each
pairs      two replies to one request, of which people called one right
questions  what is asked of a judge so that a human label answers it, too
tricks     padding and instructions hidden in replies
measure    `advgame judge audit`: everything about one judge
table      the figures in a terminal
watch      the same question inside training: a second judge on a sample, and an alarm
follow     the same of a run that is over
"""
