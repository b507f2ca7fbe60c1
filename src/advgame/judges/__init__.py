"""Judges: who scores replies, who checks faithfulness. No torch anywhere in this package.

build        configuration → judge or check
pairwise     a language model compares the replies of a group two at a time
pointwise    a language model scores one reply at a time
faithfulness a language model says whether a prompt still asks for what its seed asked
rubric       the texts it is given (rubrics/*.md, editable)
prompting    one-pass substitution, fences around untrusted text
ask          questions → answers: batching, bounded retries, cache
verdict      strict parsing of what it answers
cache        verdicts on disk
embedded     light heads over sentence embeddings, no language model
similarity   faithfulness by cosine
rule         a deterministic judge, for tests and the preset `tiny`
sandbox      what the Defender did in a scene: facts
compared     the order of replies under a judge that scores them one by one
own          judges of the user's own, held to what the game relies on
named        judges as a command line names them, and which must not measure what they taught
"""
