"""How long an evolution will still take."""


class Pace:
    """How long it will still take, from the seconds an episode took lately. plan: evolution.Plan."""

    def __init__(self, plan):
        self.plan, self.seconds_per_episode = plan, None

    def add(self, episodes, seconds):
        new = seconds / episodes
        old = self.seconds_per_episode or new
        self.seconds_per_episode = 0.7 * old + 0.3 * new

    def eta(self, state, popsize):
        plan = self.plan
        left = range(state.generation + 1, plan.generations + 1)
        episodes = sum(popsize * plan.episodes(generation) for generation in left)
        evaluations = -(-plan.generations // plan.eval_steps) - state.generation // plan.eval_steps
        seconds = int((episodes + evaluations * plan.eval_episodes) * self.seconds_per_episode)
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
