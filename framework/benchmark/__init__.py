"""The grid of runs, its cube of results, leaderboard, published figures."""
