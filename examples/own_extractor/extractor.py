"""An extractor for prompts that are kept in files: every line is a command, what stands behind '#' is a comment."""

from collections.abc import Mapping, Sequence
from typing import Any

from experts.poster.scene import Scene
from poser.planning.poster import understood
from poser.planning.rules import RulesExtractor
from poser.planning.text.keywords import keyword
from poser.plugins import Context, refuse
from poser.protocols import Planned
from poser.types import Command, Plan, Task


class LinesExtractor(RulesExtractor):
    """The first plan is the lines; what comes after a step is decided as in 'rules', by the critic's scores."""

    id = "lines"
    sees = True  # the scene in an input picture is read first, so that 'the star' is known in the first line

    def start(self, tasks: Sequence[Task], seen: Sequence[Scene | None] = ()) -> list[Planned]:
        """The first plans; each command with its meaning in the poster world, where it has one."""
        scenes = seen or [None] * len(tasks)
        return [Planned(understood(self.first(task), scene)) for task, scene in zip(tasks, scenes, strict=True)]

    def first(self, task: Task) -> Plan:
        """One command a line, with its place in the prompt."""
        commands, start = list[Command](), 0
        for line in task.prompt.splitlines(keepends=True):
            text = line.partition("#")[0].strip()
            if text:
                begin = start + line.index(text)
                verb = "generate" if not commands and task.image is None else keyword(text)
                commands.append(Command(text, verb, (begin, begin + len(text))))
            start += len(line)
        return Plan(current=commands[0], remaining=tuple(commands[1:])) if commands else Plan()


def load(settings: Mapping[str, Any], context: Context) -> LinesExtractor:
    """The extractor, by the episode's rules: failed attempts before a command is dropped, score from which it holds."""
    refuse("extractor lines", settings, ())
    return LinesExtractor(context.attempts, context.threshold)
