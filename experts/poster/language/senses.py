"""Words of several senses, decided by their neighbours: tokens -> the same tokens with the sense that each has here."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from experts.poster.language.altering import replace
from experts.poster.language.asides import without_asides
from experts.poster.language.counting import counted
from experts.poster.language.lexicon import Sense
from experts.poster.language.slips import headed, without_slips
from experts.poster.language.terms import HEADS
from experts.poster.language.tokens import Token

_ENDS = ("stop", "comma", "colon", "")
_JOINTS = (*_ENDS, "and", "but", "then", "fill", "correct", "if", "else")
_ATTRIBUTE = (*HEADS, "colour", "size")
_PARTS = {"take", "cut", "throw", "kick", "pull", "put", "move", "send", "cross", "strike", "bring"}
_COUNTED = (*HEADS, "colour", "size", "unknown", "another", "cell", "of", "corner", "row", "column", "side")
_OPPOSITE = {"big": "small", "small": "big"}


class _View:
    """A token among its neighbours."""

    def __init__(self, tokens: Sequence[Token], k: int) -> None:
        self.tokens, self.k = tokens, k
        self.token = tokens[k]
        self.text, self.tag, self.value = self.token.text, self.token.tag, self.token.value

    def near(self, step: int) -> str:
        """The tag of a neighbour; '' beyond the ends."""
        k = self.k + step
        return self.tokens[k].tag if 0 <= k < len(self.tokens) else ""

    def text_near(self, step: int) -> str:
        """The text of a neighbour; '' beyond the ends."""
        k = self.k + step
        return self.tokens[k].text if 0 <= k < len(self.tokens) else ""

    def ahead(self, *skipped: str) -> str:
        """The tag of the next token that is none of these."""
        return next((t.tag for t in self.tokens[self.k + 1 :] if t.tag not in skipped), "")

    def behind(self, *skipped: str) -> str:
        """The tag of the last token before that is none of these."""
        return next((t.tag for t in reversed(self.tokens[: self.k]) if t.tag not in skipped), "")

    def headed(self, step: int = 1) -> bool:
        """Whether attributes and a noun follow."""
        return headed(self.tokens, self.k + step)


def _attribute_word(view: _View) -> Sense | None:
    """'the colour of the star' and 'colour it'; 'the place of' and 'place it'."""
    before, after = view.near(-1), view.near(1)
    if view.tag != "verb":
        return None
    if view.text in ("colour", "color", "shade", "tint", "dye", "hue", "stain"):
        noun = before in (
            "the",
            "of",
            "same",
            "it",
            "them",
            "a",
            "colour",
            "in",
            "attr",
            "that",
            "other",
            "mutual",
            "no",
            "with",
        )
        noun = noun and view.text_near(-1) != "to"
        if noun or (
            after in ("of", "is", "stop", "comma", "as", "") and before not in ("stop", "comma", "fill", "then", "")
        ):
            return Sense("attr", "colour")
        if after == "colour" and not view.headed():
            return Sense("attr", "colour")
    elif view.text in ("colours", "colors", "shades"):
        return Sense("attr", "colour")
    elif view.text in ("place", "position", "set", "spot", "places", "positions"):
        if before in ("the", "of", "same", "it", "them", "mutual", "that", "verb", "count") or view.text_near(-1) in (
            "one",
            "two",
        ):
            return Sense("attr", "place")
    elif view.text in ("line", "cut", "drop", "fit", "print", "mark") and before in ("the", "a", "size"):
        return Sense("row") if view.text == "line" else Sense("thing")
    return None


def _spot(view: _View) -> Sense | None:
    if view.text in ("spot", "spots") and view.tag == "shape":
        return Sense("attr", "place")
    return None


def _possessive(view: _View) -> Sense | None:
    """'the heart's colour' and 'the heart's red'."""
    if view.text != "'s" or view.tag != "of":
        return None
    after = view.near(1)
    if after in ("not", "too", "more", "gone", "in", "a", "same", "with", "as") or (
        after in ("colour", "size") and not view.headed()
    ):
        return Sense("is")
    if after == "fill" and view.ahead("fill") in ("not", "more", "gone", "in", "colour", "size"):
        return Sense("is")
    return None


def _denial(view: _View) -> Sense | None:
    """'no' that takes back ('blue, no, green'), and 'no' that denies ('no circles')."""
    if view.tag == "no" and view.text == "none" and view.near(-1) in ("colon", "is") and view.near(1) in _ENDS:
        return Sense("void")
    if view.tag == "no" and view.text.startswith("none") and "them" in (view.near(1), view.near(2)):
        return Sense("not")
    if view.tag == "no" and view.text in ("no", "none") and _corrects(view):
        return Sense("correct")
    if view.tag == "correct" and view.text.endswith("no") and view.near(1) in HEADS:
        return Sense("no")
    if view.tag == "correct" and view.text == "sorry" and view.near(-1) in ("", "stop"):
        return Sense("fill")
    return None


def _corrects(view: _View) -> bool:
    before, after = view.near(-1) or "stop", view.near(1) or "stop"
    if after in ("comma", "correct", "stop", "verb", "colon"):
        return before in ("comma", "stop", "and", "fill", "correct", "colon") or after == "correct"
    if after in ("a", "the", "in", "to", "rel") and before in ("comma", "fill"):
        return True
    return (
        before in ("comma", "fill")
        and after in ("colour", "size")
        and view.k > 1
        and not headed(view.tokens, view.k + 1)
    )


def _measure(view: _View) -> Sense | None:
    """'a little heart' and 'a little to the left'; 'too big' asks for smaller."""
    if (
        view.tag == "hedge"
        and view.text == "a little"
        and view.near(1) in ("shape", "colour", "thing")
        and view.headed()
    ):
        return Sense("size", "small")
    described = view.near(1) in ("shape", "colour", "thing", "size", "more", "unknown")
    if view.text == "little" and view.tag == "size" and view.near(-1) in ("only", "fill", "a") and not described:
        return Sense("hedge")
    if view.tag == "size" and view.near(-1) == "too":
        return Sense("more", _OPPOSITE[view.value])
    if view.tag == "too":
        return Sense("fill")
    if view.tag == "extra":
        if view.near(-1) == "count" and (
            view.headed() or view.near(1) in (*_ENDS, "as", "in", "of", "rel", "v", "h", "fill", "them")
        ):
            return Sense("another")
        return Sense("fill")
    return None


def _making(view: _View) -> Sense | None:
    """'make a star' draws, 'make the star red' changes; 'switch' with two things swaps them."""
    if view.tag != "verb":
        return None
    if view.text == "make" and view.near(1) in ("a", "count", "another") and not _told(view):
        return Sense("verb", "draw")
    rest = view.tokens[view.k + 1 : view.k + 6]
    becomes = any(one.tag == "to" and two.tag in ("colour", "size") for one, two in zip(rest, rest[1:], strict=False))
    if view.value == "swap" and view.text in ("switch", "swap", "exchange") and (view.near(1) == "to" or becomes):
        return Sense("verb", "change")
    if (
        view.value in ("change", "replace")
        and view.text in ("switch", "exchange", "trade")
        and (_pair_follows(view) or _mutual_follows(view))
    ):
        return Sense("verb", "swap")
    return None


def _told(view: _View) -> bool:
    """Whether 'make one ...' speaks of things that are there ('make one of the stars red')."""
    return view.near(1) == "count" and view.near(2) == "of"


def _mutual_follows(view: _View) -> bool:
    """'exchange them', 'exchange colours': nothing is named that would come instead."""
    rest = _clause_after(view)
    if any(token.tag in ("with", "for", "to", "in", "as") for token in rest):
        return any(token.tag == "attr" for token in rest)
    return any(token.tag in ("them", "attr", "both") for token in rest)


def _clause_after(view: _View) -> list[Token]:
    rest = []
    for token in view.tokens[view.k + 1 :]:
        if token.tag in ("stop", "then", "verb"):
            break
        rest.append(token)
    return rest


def _pair_follows(view: _View) -> bool:
    """Whether two things follow, joined by 'and', with nothing that they should become."""
    rest = _clause_after(view)
    heads = [n for n, token in enumerate(rest) if token.tag in ("shape", "thing", "poster", "ground")]
    joined = any(token.tag in ("and", "with") for token in rest[heads[0] : heads[1]]) if len(heads) >= 2 else False
    return joined and not any(token.tag in ("to", "for") for token in rest)


def _linking(view: _View) -> Sense | None:
    """'stays empty', 'the row goes: star, heart': verbs that only link; 'everything but'."""
    if view.tag == "verb" and view.value in ("keep", "go") and view.ahead("fill") == "void":
        return Sense("is")
    if view.text in ("hold", "holds") and view.near(1) in ("a", "count", "colour", "size", "shape", "no"):
        return Sense("with")
    if view.tag == "verb" and view.value == "go" and view.near(1) in ("shape", "colon", "a", "count", "with"):
        return Sense("is")
    if (
        view.tag == "verb"
        and view.value == "keep"
        and view.text in ("left", "leaves", "leave")
        and view.near(-1) == "is"
    ):
        return Sense("fill")
    if (
        view.text == "have"
        and view.tag == "with"
        and view.near(-1) in _JOINTS
        and view.near(1) in ("it", "them", "the", "both", "all")
    ):
        return Sense("verb", "change")
    if (
        view.tag == "else"
        and view.text.startswith("if there")
        and view.near(1) in ("a", "count", "colour", "shape", "all", "size", "the")
    ):
        return Sense("unless")
    if view.tag == "except" and view.near(1) == "that":
        return Sense("but")
    if view.text == "just" and view.near(-1) == "verb" and view.text_near(-1) in ("keep", "leave", "show", "want"):
        return Sense("only")
    every = any(t.tag == "all" for t in view.tokens[max(0, view.k - 5) : view.k])
    if view.tag == "but" and view.near(-1) in ("corner", "row", "column", "side", "cell") and every:
        return Sense("except")
    if view.tag == "but" and view.near(-1) in ("things", "all"):
        return Sense("except")
    return None


def _standing(view: _View) -> Sense | None:
    """'two hearts float side by side': what something new does only says where it is."""
    if (
        view.tag != "verb"
        or view.value not in ("move", "keep", "go", "take", "touch")
        or view.token.sense.form == "ing"
    ):
        return None
    k = view.k - 1
    while k >= 0 and view.tokens[k].tag == "fill":
        k -= 1
    if k < 0 or view.tokens[k].tag != "shape":
        return None
    while k >= 0 and view.tokens[k].tag in ("shape", "colour", "size", "most", "fill", "unknown"):
        k -= 1
    return Sense("is") if k >= 0 and view.tokens[k].tag in ("a", "count", "another") else None


def _shaped(view: _View) -> Sense | None:
    """'all the way round it'; 'up left', 'in down right'; a sign for a colour before 'background'."""
    after, before = view.near(1), view.near(-1)
    if view.text == "round" and view.tag == "shaped" and after in ("it", "the", "them", "that"):
        return Sense("rel", "around")
    if view.tag == "dir" and view.value in ("up", "down") and after == "h" and before in ("in", "the"):
        return Sense("v", "top" if view.value == "up" else "bottom")
    if view.tag == "shape" and after in ("ground", "poster") and before == "colour" and view.k:
        one = view.tokens[view.k - 1]
        return Sense("fill") if one.start == view.token.start else None
    participle = view.tag == "verb" and view.token.sense.form == "ing" and view.value in ("fill", "add", "keep", "draw")
    if participle and before in ("shape", "thing"):
        return Sense("in")  # 'three ones filling the top row'
    if view.text in ("flank", "flanks") and after in ("a", "the", "it", "them", "that"):
        return Sense("rel", "sides")
    if (
        view.text in ("position", "pos", "place")
        and after in ("mid", "v", "h", "corner")
        and before in ("", "stop", "comma")
    ):
        return Sense("fill")
    if view.text == "cut" and after == "colon" and before in ("", "stop"):
        return Sense("fill")
    return None


def _newest(view: _View) -> Sense | None:
    """'the new star', 'the copy': what was made last; 'the original': what was there before it."""
    if view.near(-1) != "the":
        return None
    if view.text == "new" and (view.headed() or view.near(1) == "thing"):
        return Sense("newest")
    if view.text in ("copy", "duplicate", "clone", "newcomer", "double", "replica", "addition"):
        return Sense("thing", "name *new")
    if view.text in ("original", "old") and not view.headed():
        return Sense("thing", "name *old")
    return None


def _again(view: _View) -> Sense | None:
    """'the same heart again (at the bottom)': another one like it."""
    if view.tag != "same" or not view.headed():
        return None
    if view.text == "an identical":
        return Sense("another")
    if view.near(-1) in ("", "colon", "comma", "stop", "and") and view.near(1) == "shape":
        return Sense("another")  # 'same star, upper right'
    if view.near(-1) != "the":
        return None
    ahead = view.tokens[view.k + 1 : view.k + 6]
    return Sense("another") if any(token.text in ("again", "once more") for token in ahead) else None


def _particle(view: _View) -> Sense | None:
    """'take the star away', 'cut the heart out', 'put it back': what stands behind the thing says what is done."""
    if view.tag != "verb" or view.text.removesuffix("s") not in _PARTS:
        return None
    rest = _clause_after(view)
    for k, token in enumerate(rest[1:], 1):
        if token.tag == "is":
            break
        after = rest[k + 1].tag if k + 1 < len(rest) else ""
        if after not in (*_ENDS, "and", "fill", "from", "gone", "please", "of", "the", "correct") and not (
            after == "" and token.tag == "gone"
        ):
            continue
        if token.tag == "gone" or token.text in ("off", "out"):
            return Sense("verb", "remove")
    return None


def _joining(view: _View) -> Sense | None:
    """'an make it big': a slip for 'and'."""
    slip = view.text == "an" and view.near(1) in ("verb", "grow", "the", "then") and view.near(-1) not in _ENDS
    return Sense("and") if slip else None


def _unwanted(view: _View) -> Sense | None:
    """'I don't want the heart any more', 'the heart I don't need': it goes."""
    if view.tag != "not" or view.text_near(1) not in ("want", "wants", "need", "needs", "like", "require"):
        return None
    after = view.near(2)
    definite = after in ("the", "it", "them", "that", *_ENDS, "fill") and view.text_near(2) not in ("to",)
    if not definite or (after in _ENDS and view.near(-1) in _ENDS):
        return None
    return Sense("verb", "dislike" if view.text_near(1) == "like" else "remove")


def _scaling(view: _View) -> Sense | None:
    """'scale the circle up', 'size it down', 'blow the star up': how big it gets."""
    names = view.near(1) in ("the", "it", "them", "all", "both", "that")
    if view.text not in ("scale", "size", "blow", "bulk", "pump", "beef", "tone", "cut") or not names:
        return None
    way = next((token.value for token in _clause_after(view)[1:7] if token.tag == "dir"), "")
    return Sense("grow", {"up": "big", "down": "small"}[way]) if way in ("up", "down") else None


def _downward(view: _View) -> Sense | None:
    """'lower the star', 'drop it one row': moves it, where another word says by how much or what."""
    if view.text == "lower" and view.tag == "v" and view.near(-1) in _JOINTS:
        return Sense("verb", "move down") if view.near(1) in ("the", "it", "all", "both", "them", "that") else None
    if view.text in ("drop", "drops") and view.tag == "verb":
        rest = {token.tag for token in _clause_after(view)}
        return Sense("verb", "move down") if rest & {"dir", "cell", "to"} else None
    return None


def _off(view: _View) -> Sense | None:
    """'the star off', 'heart: out': gone, where nothing follows that it would be from."""
    ends = view.near(1) in (*_ENDS, "and", "then", "fill")
    behind = view.near(-1) in ("shape", "thing", "is", "things", "colon")
    if view.text in ("goes", "go") and view.tag == "is" and ends and view.near(1) != "fill" and behind:
        return Sense("gone")
    return (
        Sense("gone") if view.text in ("off", "out") and view.tag in ("from", "unknown") and ends and behind else None
    )


def _pronoun(view: _View) -> Sense | None:
    """'that' for a thing, and 'that' before what narrows a thing down."""
    after, before = view.near(1), view.near(-1)
    if (
        view.tag == "them"
        and view.text in ("each of them", "each one of them", "every one of them")
        and before == "rel"
    ):
        return Sense("all")
    if view.tag == "that" and view.value != "rel" and before == "verb" and after == "with":
        return Sense("it", "that") if view.tokens[view.k - 1].value in ("replace", "swap", "change") else None
    if view.tag == "that" and view.value != "rel":
        object_of = before in ("rel", "than", "as", "to", "verb", "grow", "with", "of", "from", "after")
        if object_of and after not in (
            *_ATTRIBUTE,
            "count",
            "is",
            "with",
            "attr",
            "v",
            "h",
            "mid",
            "most",
            "row",
            "column",
            "corner",
            "side",
        ):
            return Sense("it", "that")
        if (
            before in ("stop", "comma", "and", "but", "then", "fill", "")
            and after in ("verb", "is", "grow")
            and not _names(view, -1)
        ):
            return Sense("it", "that")
    if (
        view.tag == "them"
        and view.text in ("these", "those")
        and (after in (*HEADS, "count") or (after in ("colour", "size") and view.headed()))
    ):
        return Sense("the")
    if view.tag == "it" and view.text == "that one" and after in ("shape",):
        return Sense("the")
    return None


def _names(view: _View, step: int) -> bool:
    """Whether a thing stands right before, which a relative clause would narrow down."""
    return view.near(step) == "fill" and view.behind("fill") in ("shape", "thing")


def _ordinal(view: _View) -> Sense | None:
    """'the first one', 'the last star': one of several; 'a second star': one more; 'second, ...': next."""
    before, after = view.near(-1), view.near(1)
    line = view.near(1) if view.near(1) in ("row", "column") else ""
    if line and (view.tag in ("first", "last", "ordinal") or view.text in ("the first", "the last")):
        names = {"row": ("v", "top", "bottom"), "column": ("h", "left", "right")}[line]
        nth = view.value if view.tag == "ordinal" else "1"
        return {
            "1": Sense(names[0], names[1]),
            "2": Sense("mid"),
            "3": Sense(names[0], names[2]),
            "-1": Sense(names[0], names[2]),
        }.get(nth)
    number = {"first": "1", "last": "-1"}.get(view.tag, "")
    if (
        number
        and view.text in ("first", "last", "the first", "finally")
        and before in ("the",)
        and (after in HEADS or after in ("colour", "is") or (after in ("", "stop") and view.near(-2) == "verb"))
    ):
        return Sense("ordinal", number)
    if view.tag == "former" and view.text == "the first" and (after in HEADS):
        return Sense("ordinal", "1")
    if number and view.text_near(1) == "one" and before in (*_ENDS, "fill", "and", "with"):
        return Sense("ordinal", number)
    if view.tag == "ordinal" and view.text_near(1) == "one" and before in ("comma", "and", "fill"):
        return None
    if view.tag == "ordinal":
        if before == "a" or (before in ("verb", "with", "and", "extra") and view.headed()):
            return Sense("another")
        if after in ("comma", "colon", "verb", "a") and before in ("", "stop"):
            return Sense("then")
    return None


def _time(view: _View) -> Sense | None:
    """'now' that begins a step, and 'now' that ends a remark."""
    if (
        view.tag == "then"
        and view.text in ("now", "next", "later")
        and view.near(1) in (*_ENDS, "and")
        and view.near(-1) not in _ENDS
    ):
        return Sense("fill")
    if view.tag == "h" and view.text == "left" and view.near(-1) == "is" and view.near(1) in ("is", "verb"):
        return Sense("fill")
    if (
        view.tag == "h"
        and view.text == "left"
        and view.near(-1) in ("that", "gone")
        and view.near(1) in ("is", "verb", "size", "colour", *_ENDS)
    ):
        return Sense("fill")
    if (
        view.tag == "h"
        and view.text == "right"
        and view.near(1) in ("in", "rel", "at")
        and view.near(2) in ("the", "v", "mid", "fill", "it")
        and view.near(-1) not in ("the", "v", "in", "to", "mid")
    ):
        return Sense("fill")
    return None


def _place_word(view: _View) -> Sense | None:
    before, after = view.near(-1), view.near(1)
    clears = before in _JOINTS and before != "comma" and after in ("the", "all", "both", "it", "everywhere")
    if view.tag == "void" and view.text in ("empty", "free", "blank") and clears:
        return Sense("verb", "remove")
    placing = before == "verb" and view.tokens[view.k - 1].value in ("add", "move") and after in ("a", "count", "the")
    idle = after not in (*_ENDS, "and", "fill") or before in (*_JOINTS, "is", "unless", "that", "where")
    idle = idle and not placing
    if view.tag == "here" and view.value == "there" and idle:
        return Sense("fill")
    if view.text == "behind" and view.near(1) in _ENDS and view.near(-1) in ("colour", "all", "things"):
        return Sense("ground")
    if view.tag == "cell" and view.near(-1) not in ("count", "thing", "a", "dir", "h", "v", "another", "another"):
        return Sense("attr", "place")
    if view.tag == "here" and view.near(1) == "of":
        return Sense("where")
    return None


def _counts(view: _View) -> bool:
    """Whether a filler and then a noun follow a number."""
    return view.near(1) == "fill" and headed(view.tokens, view.k + 1)


def _several_senses(view: _View) -> Sense | None:
    if view.text == "like" and (
        view.near(-1) == "not"
        or view.text_near(-1) in ("i", "we", "you", "would", "i'd", "he'd", "she'd", "we'd", "they'd", "they", "really")
    ):
        return Sense("fill")
    if (
        view.text == "like"
        and view.near(-1) in ("shape", "thing", "attr", "fill", "verb", "same")
        and view.near(1) in ("the", "it", "them", "that")
    ):
        return Sense("as")
    if view.tag == "count" and view.text == "one" and view.near(1) not in _COUNTED and not _counts(view):
        return Sense("thing")
    if view.value == "copy" and "size" in (view.text_near(1).split() + view.text_near(2).split()):
        return Sense("grow", "big")
    return None


_RULES: tuple[Callable[[_View], Sense | None], ...] = (
    _attribute_word, _spot, _possessive, _denial, _measure, _linking, _shaped, _again, _newest, _standing, _making,
    _scaling, _joining, _unwanted, _downward, _particle, _off, _pronoun, _ordinal, _time, _place_word, _several_senses,
)  # fmt: skip


def sharpened(tokens: Sequence[Token]) -> list[Token]:
    """The tokens with the sense that each has among its neighbours."""
    out = without_slips(counted(without_asides(tokens)))
    for k in range(len(out)):
        for rule in _RULES:
            sense = rule(_View(out, k))
            if sense is not None:
                out[k] = replace(out[k], sense=sense)
                break
    return out
