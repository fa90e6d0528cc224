"""Choosing the next phase field: unexplored fields ranked, sorted by two things, and explained.

fields.py       what is ranked, and the encoder that ranks it
listing.py      which candidates are listed: elements they hold, lack, may have
nearest.py      the reported fields nearest to others
merit.py        the probability that an element set has a wanted property
selection.py    merit and accessibility together: front and joint score
shapley.py      what the players of a game, their pairs and triples add
explanation.py  what the elements of a field add to its score, and where it stands
"""
