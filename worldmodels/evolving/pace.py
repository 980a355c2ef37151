"""How long an evolution will still take."""


class Pace:
    """The seconds that an episode took lately, of generations and of evaluations. plan: evolution.Plan."""

    def __init__(self, plan):
        self.plan, self.seconds = plan, {}

    def add(self, what, episodes, seconds):
        """what: "generation" or "evaluation"."""
        new = seconds / episodes
        self.seconds[what] = 0.7 * self.seconds.get(what, new) + 0.3 * new

    def eta(self, state, popsize):
        """h:mm:ss until the plan's end, after a generation; an evaluation that is due now is part of it."""
        plan, seconds = self.plan, self.seconds["generation"]
        left = range(state.generation + 1, plan.generations + 1)
        evaluated = state.evaluations[-1].generation if state.evaluations else 0
        evaluations = -(-plan.generations // plan.eval_steps) - evaluated // plan.eval_steps
        total = sum(popsize * plan.episodes(generation) for generation in left) * seconds
        total = int(total + evaluations * plan.eval_episodes * self.seconds.get("evaluation", seconds))
        return f"{total // 3600}:{total // 60 % 60:02}:{total % 60:02}"
