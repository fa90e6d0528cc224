"""What a plug-in fulfils: data set, representation, split, encoder, learner, predictor, task, objective."""
