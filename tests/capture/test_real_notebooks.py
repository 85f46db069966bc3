"""What people really write in notebooks: each case runs in a real kernel, is deployed, proven and answers over HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from live_notebook import CellFailed, LiveNotebook


@dataclass(frozen=True)
class Case:
    """Cells of a notebook, and what must come of `%deploy` in it."""

    name: str
    cells: tuple[str, ...]
    deploy: str = "predict"
    has: tuple[str, ...] = ()
    """Parts of `service.py`."""
    lacks: tuple[str, ...] = ()
    """What must not be in `service.py`."""
    packages: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    """Distributions that must not be required."""
    warns: tuple[str, ...] = ()
    silent: bool = False
    """Nothing is to be warned of, but that the document is not saved."""
    files: dict[str, str] = field(default_factory=dict)
    """Files beside the notebook."""


SCALER = """
from sklearn.base import BaseEstimator, TransformerMixin
class Clip(BaseEstimator, TransformerMixin):
    LOW = 0.0
    def __init__(self, high=1.0):
        self.high = high
    def fit(self, X, y=None):
        return self
    def transform(self, X):
        return limit(X, self.LOW, self.high)
"""

TOOLS = json.dumps(
    {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": 1,
                "id": "a",
                "metadata": {},
                "outputs": [],
                "source": "%matplotlib inline\ndef squash(x):\n    return x / 2",
            }
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
)

CASES = [
    Case(
        "handler in one cell, helpers in others",
        (
            "def double(x):\n    return 2 * x",
            "def twice(x):\n    return double(double(x))",
            "def unused(x):\n    return x",
            "def predict(x):\n    return twice(x) + 1",
            "predict(3)",
        ),
        has=("def double", "def twice"),
        lacks=("unused",),
    ),
    Case(
        "globals reassigned by later cells",
        ("RATE = 1", "def predict(x):\n    return x * RATE", "RATE = 3", "predict(2)"),
        has=("RATE = 3",),
    ),
    Case(
        "lambda in a variable",
        ("scale = lambda x: x / 4\npredict = lambda x: scale(x) + 1", "predict(2)"),
        has=("scale = lambda x: x / 4",),
    ),
    Case(
        "lambdas in a dict",
        (
            "steps = {'a': lambda x: x + 1, 'b': (lambda x:\n  x * 2)}",
            "def predict(x):\n    return steps['a'](x) + steps['b'](x)",
            "predict(5)",
        ),
    ),
    Case(
        "lambdas made in a loop",
        (
            "fs = [lambda x, i=i: x * i for i in range(3)]",
            "def predict(x):\n    return [f(x) for f in fs]",
            "predict(2)",
        ),
    ),
    Case(
        "partial of a notebook function",
        (
            "from functools import partial\ndef power(x, n):\n    return x ** n\ncube = partial(power, n=3)",
            "def predict(x):\n    return cube(x)",
            "predict(2)",
        ),
        has=("def power",),
    ),
    Case(
        "closure from a factory",
        (
            "def make(n):\n    bias = n / 2\n    def predict(x):\n        return x * n + bias\n    return predict",
            "predict = make(3)",
            "predict(2)",
        ),
    ),
    Case(
        "recursive closure",
        (
            "def make(n):\n    def fact(k):\n        return n if k < 2 else k * fact(k - 1)\n    return fact",
            "predict = make(1)",
            "predict(5)",
        ),
    ),
    Case(
        "decorators, one of the notebook and one of a library",
        (
            (
                "import functools\ndef logged(f):\n    @functools.wraps(f)\n    def inner(*args):\n        return f(*args)\n"
                "    return inner"
            ),
            "@functools.lru_cache\ndef slow(x):\n    return x * 10",
            "@logged\ndef predict(x):\n    return slow(x)",
            "predict(4)",
        ),
        has=("@logged", "@functools.lru_cache"),
    ),
    Case(
        "decorator without wraps",
        (
            "def plus_one(f):\n    def inner(x):\n        return f(x) + 1\n    return inner",
            "@plus_one\ndef predict(x):\n    return x",
            "predict(1)",
        ),
    ),
    Case(
        "decorated by hand",
        (
            "def plus_one(f):\n    def inner(x):\n        return f(x) + 1\n    return inner",
            "def predict(x):\n    return x * 2",
            "predict = plus_one(predict)",
            "predict(1)",
        ),
    ),
    Case(
        "classes with bases and class attributes",
        (
            "class Base:\n    factor = 2\n    def apply(self, x):\n        return x * self.factor",
            (
                "class Model(Base):\n    factor = 3\n    def __init__(self, bias):\n        self.bias = bias\n"
                "    def predict(self, x):\n        return super().apply(x) + self.bias"
            ),
            "m = Model(1)",
            "def predict(x):\n    return m.predict(x)",
            "predict(5)",
        ),
        has=("class Base", "class Model(Base)"),
    ),
    Case(
        "class attribute changed after the definition",
        (
            "class Settings:\n    threshold = 0.5",
            "Settings.threshold = 0.7",
            "def predict(x):\n    return x > Settings.threshold",
            "predict(0.6)",
        ),
        has=("Settings.threshold = 0.7",),
    ),
    Case(
        "method added to a class later",
        (
            "class M:\n    pass",
            "def run(self, x):\n    return x + 1\nM.run = run\nm = M()",
            "def predict(x):\n    return m.run(x)",
            "predict(1)",
        ),
    ),
    Case(
        "dataclass, enum and NamedTuple",
        (
            "from dataclasses import dataclass\nfrom enum import Enum\nfrom typing import NamedTuple",
            "class Plan(Enum):\n    BASIC = 'basic'\n    PRO = 'pro'",
            "@dataclass\nclass Customer:\n    age: int\n    plan: Plan = Plan.BASIC",
            "class Answer(NamedTuple):\n    score: float\n    plan: Plan",
            "def predict(customer: Customer) -> Answer:\n    return Answer(customer.age / 2, customer.plan)",
            "predict(Customer(30, Plan.PRO))",
        ),
    ),
    Case(
        "defaults and annotations that name notebook objects",
        (
            "LIMIT = 5\nNumber = float",
            "def predict(x: Number, limit=LIMIT) -> Number:\n    return min(x, limit)",
            "LIMIT = 9",
            "predict(7)",
        ),
    ),
    Case(
        "annotations from the future",
        (
            "from __future__ import annotations",
            "def predict(x: Missing | None) -> Unknown:\n    return x",
            "predict(1)",
        ),
        has=("from __future__ import annotations",),
    ),
    Case(
        "a cell run twice and cells out of order",
        (
            "def predict(x):\n    return helper(x)",
            "def helper(x):\n    return x + 1",
            "def helper(x):\n    return x + 1",
            "predict(1)",
        ),
    ),
    Case(
        "a function redefined in a later cell",
        (
            "def helper(x):\n    return 'old'",
            "def helper(x):\n    return 'new'",
            "def predict(x):\n    return helper(x)",
            "predict(1)",
        ),
        has=("'new'",),
        lacks=("'old'",),
    ),
    Case(
        "an old class still in use",
        (
            "class Shift:\n    def apply(self, x):\n        return x + 1",
            "shift = Shift()",
            "class Shift:\n    def apply(self, x):\n        return x - 1",
            "def predict(x):\n    return shift.apply(x)",
            "predict(1)",
        ),
    ),
    Case(
        "imports of every form",
        (
            (
                "import math as m\nfrom statistics import mean as average\nfrom os.path import *\nimport os.path\n"
                "import xml.etree.ElementTree"
            ),
            (
                "def predict(x):\n    import json\n    xml.etree.ElementTree.fromstring('<a/>')\n"
                "    return [m.floor(x), average([x, 2]), basename('a/b'), json.dumps(x), os.path.join('a', 'b')]"
            ),
            "predict(3.5)",
        ),
        has=("import math as m", "from statistics import mean as average"),
    ),
    Case(
        "local modules that import each other",
        (
            "import features\nfrom pack.inner import scale",
            "def predict(x):\n    return features.make(x) + scale(x)",
            "predict(2)",
        ),
        files={
            "features.py": "import lower\ndef make(x):\n    return lower.base(x) + 1\n",
            "lower.py": "def base(x):\n    return x * 2\n",
            "pack/__init__.py": "",
            "pack/inner.py": "from . import other\ndef scale(x):\n    return x * other.K\n",
            "pack/other.py": "K = 7\n",
        },
    ),
    Case(
        "magics and shell lines",
        (
            "%matplotlib inline\n!echo installing\nimport matplotlib.pyplot as plt",
            "%%time\ndef helper(x):\n    return x + 1",
            "%time value = helper(1)",
            "files = !ls",
            "def predict(x):\n    return helper(x) + value",
            "print(predict(1))",
        ),
        without=("matplotlib",),
    ),
    Case("display in an entry", ("def predict(x):\n    display(x)\n    print(x)\n    return x", "predict(1)")),
    Case(
        "top-level await and an async entry",
        (
            "import asyncio\nasync def fetch(x):\n    await asyncio.sleep(0)\n    return x * 2",
            "base = await fetch(4)",
            "async def predict(x):\n    return base + await fetch(x)",
            "await predict(1)",
        ),
    ),
    Case("a generator", ("def predict(n: int):\n    for i in range(n):\n        yield i * i", "list(predict(3))")),
    Case(
        "Unicode names",
        (
            "größe = 2\ndef schätze(café):\n    return café * größe",
            "def predict(x):\n    return schätze(x)",
            "predict(3)",
        ),
    ),
    Case(
        "mutual recursion",
        (
            "def even(n):\n    return n == 0 or odd(n - 1)",
            "def odd(n):\n    return n != 0 and even(n - 1)",
            "def predict(n):\n    return even(n)",
            "predict(4)",
        ),
    ),
    Case(
        "two entries that share state",
        (
            "table = {i: i * i for i in range(500)}",
            "def predict(x: int):\n    return table[x]",
            "def inverse(y: int):\n    return next(k for k, v in table.items() if v == y)",
            "predict(4), inverse(9)",
        ),
        deploy="predict inverse",
    ),
    Case(
        "a counter that entries change",
        ("count = 0\ndef predict(x):\n    global count\n    count += 1\n    return count", "predict(1)"),
        warns=("changes count",),
    ),
    Case(
        "a cache that entries fill",
        ("cache = {}\ndef predict(x: int):\n    cache[x] = x\n    return len(cache)", "predict(1)"),
        warns=("changes cache",),
    ),
    Case(
        "a relative data file",
        ("def predict(x):\n    with open('words.txt') as f:\n        return f.read().split()[int(x)]", "predict(1)"),
        files={"words.txt": "alpha beta gamma"},
    ),
    Case(
        "NumPy and constants of odd types",
        (
            (
                "import numpy as np\nW = np.arange(6, dtype='float32').reshape(2, 3)\nINF = float('inf')\nNAMES = {'b', 'a'}\n"
                "SIZE = range(3)"
            ),
            (
                "def predict(x: np.ndarray):\n    return {'y': W @ x, 'm': min(INF, 3), 'n': sorted(NAMES), "
                "'s': list(SIZE), 'nan': float('nan')}"
            ),
            "predict(np.array([1.0, 2.0, 3.0]))",
        ),
        packages=("numpy",),
    ),
    Case(
        "a model with a large training frame and plots",
        (
            "import numpy as np, pandas as pd\nimport matplotlib.pyplot as plt\nfrom sklearn.linear_model import LinearRegression",
            (
                "train = pd.DataFrame(np.random.default_rng(0).normal(size=(5000, 2)), columns=['a', 'b'])\n"
                "model = LinearRegression().fit(train, train['a'] * 2 - train['b'])"
            ),
            "train.plot if False else None",
            "def predict(rows: pd.DataFrame):\n    return model.predict(rows[['a', 'b']])",
            "predict(train.head(4))",
        ),
        deploy="predict --exact",
        has=('model = _load_state("model")',),
        lacks=("train", "plt"),
        packages=("scikit-learn", "pandas"),
        without=("matplotlib",),
    ),
    Case(
        "a pipeline with a custom transformer, a notebook function and a lambda",
        (
            "import numpy as np\ndef limit(X, low, high):\n    return np.clip(X, low, high)",
            SCALER,
            (
                "from sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import FunctionTransformer, StandardScaler\n"
                "from sklearn.linear_model import LogisticRegression\ndef logs(X):\n    return np.log1p(X)"
            ),
            (
                "X = np.random.default_rng(0).random((60, 3)); y = (X[:, 0] > 0.5).astype(int)\n"
                "model = make_pipeline(Clip(0.9), FunctionTransformer(logs), FunctionTransformer(lambda X: X * 2), "
                "StandardScaler(), LogisticRegression()).fit(X, y)"
            ),
            "model.predict(X[:3])",
        ),
        deploy="model",
        has=("class Clip", "def logs", "def limit"),
    ),
    Case(
        "a bound method as entry",
        (
            "from sklearn.tree import DecisionTreeClassifier\nclf = DecisionTreeClassifier(random_state=0).fit([[0.0], [1.0]], ['a', 'b'])",
            "predict = clf.predict",
            "predict([[1.0]])",
        ),
        without=("pandas",),
    ),
    Case(
        "what cannot be copied is made anew",
        (
            "import threading\nlock = threading.Lock()",
            "def predict(x):\n    with lock:\n        return x",
            "predict(1)",
        ),
        has=("lock = threading.Lock()",),
        warns=("lock",),
    ),
    Case(
        "namedtuple and logger",
        (
            (
                "from collections import namedtuple\nimport logging\nPoint = namedtuple('Point', 'x y')\n"
                "log = logging.getLogger('mine')"
            ),
            "def predict(x):\n    log.info('called')\n    return Point(x, 1)",
            "predict(2)",
        ),
    ),
    Case(
        "calls inside print, loops and comprehensions",
        (
            "def predict(x):\n    return x + 1",
            "%load_ext jupyter_deploy",
            "for n in (1, 2):\n    print(predict(n))\n[predict(v) for v in [5, 6]]",
        ),
    ),
    Case(
        "pandas with odd dtypes",
        (
            (
                "import pandas as pd\ndf = pd.DataFrame({'i': pd.array([1, None], dtype='Int64'), 'c': pd.Categorical(['x', 'y']), "
                "'d': pd.to_datetime(['2024-01-01', '2024-02-03']).tz_localize('UTC'), 's': ['a', None], 'f': [1.5, float('nan')], "
                "'b': [True, False]})"
            ),
            (
                "def predict(rows: pd.DataFrame):\n    out = rows.copy()\n    out['year'] = rows['d'].dt.year\n"
                "    out['code'] = rows['c'].cat.codes\n    return {'rows': out, 'types': [str(t) for t in out.dtypes]}"
            ),
            "predict(df)",
        ),
    ),
    Case(
        "a closure that counts",
        (
            "def make():\n    n = 0\n    def count(x):\n        nonlocal n\n        n += 1\n        return n + x\n    return count",
            "predict = make()",
            "predict(1)",
        ),
        warns=("changes _predict_n",),
    ),
    Case(
        "a generic function with implementations",
        (
            "from functools import singledispatch\n@singledispatch\ndef kind(x):\n    return 'other'",
            "@kind.register\ndef _(x: int):\n    return 'int'\n@kind.register(str)\ndef _text(x):\n    return 'text'",
            "def predict(x: int):\n    return [kind(x), kind('a'), kind(None)]",
            "predict(1)",
        ),
    ),
    Case(
        "type aliases and type variables",
        (
            (
                "from typing import Generic, TypeVar\nT = TypeVar('T')\nRows = list[dict[str, float]]\n"
                "class Box(Generic[T]):\n    def __init__(self, value: T):\n        self.value = value"
            ),
            "def predict(rows: Rows) -> float:\n    return Box(rows[0]['a']).value",
            "predict([{'a': 1.5}])",
        ),
        has=("T = TypeVar('T')", "Rows = list[dict[str, float]]"),
    ),
    Case(
        "an environment variable",
        (
            "import os\nos.environ['REGION'] = 'north'",
            "def predict(x):\n    return os.environ['REGION'] + str(x)",
            "predict(1)",
        ),
    ),
    Case(
        "a name that hides a builtin",
        ("def max(a, b):\n    return 'mine'", "def predict(x):\n    return max(x, 1)", "predict(1)"),
        has=("'mine'",),
    ),
    Case(
        "a registry that a decorator fills",
        (
            "REG = {}\ndef register(f):\n    REG[f.__name__] = f\n    return f",
            "@register\ndef square(x):\n    return x * x\n@register\ndef cube(x):\n    return x ** 3",
            "def predict(x: float, how: str = 'square'):\n    return REG[how](x)",
            "predict(2.0); predict(2.0, 'cube')",
        ),
        has=("REG = {}", "@register\ndef square"),
    ),
    Case(
        "a registry that a decorator with arguments fills with classes",
        (
            "MODELS: dict = dict()\ndef register(name):\n    def keep(cls):\n        MODELS[name] = cls\n        return cls\n    return keep",
            "@register('double')\nclass Double:\n    def run(self, x):\n        return 2 * x",
            "def predict(x):\n    return MODELS['double']().run(x)",
            "predict(4)",
        ),
    ),
    Case(
        "a registry that subclasses fill",
        (
            "MODELS = {}\nclass Base:\n    def __init_subclass__(cls):\n        MODELS[cls.__name__] = cls",
            "class Half(Base):\n    def run(self, x):\n        return x / 2",
            "def predict(x):\n    return MODELS['Half']().run(x)",
            "predict(4)",
        ),
    ),
    Case(
        "a registry object whose method is the decorator",
        (
            "class Registry:\n    def __init__(self):\n        self.items = {}\n    def add(self, f):\n        self.items[f.__name__] = f\n        return f\nsteps = Registry()",
            "@steps.add\ndef trim(text):\n    return text.strip()",
            "def predict(text):\n    return [f(text) for f in steps.items.values()]",
            "predict(' a ')",
        ),
        has=("steps = Registry()",),
    ),
    Case(
        "a registry in the base class that subclasses fill",
        (
            (
                "class Base:\n    registry = {}\n    def __init_subclass__(cls, **options):\n"
                "        super().__init_subclass__(**options)\n        cls.registry[cls.__name__] = cls"
            ),
            (
                "class Zeta(Base):\n    def run(self, x):\n        return x + 1\n"
                "class Alpha(Base):\n    def run(self, x):\n        return x * 10"
            ),
            "class Alpha(Base):\n    def run(self, x):\n        return x * 20",
            "def predict(x):\n    return [(name, kind().run(x)) for name, kind in Base.registry.items()]",
            "predict(3)",
        ),
        has=("class Zeta(Base)", "class Alpha(Base)", "x * 20"),
        lacks=("x * 10",),
        silent=True,
    ),
    Case(
        "a registry that a metaclass fills",
        (
            (
                "class Meta(type):\n    known = {}\n    def __new__(meta, name, bases, names):\n"
                "        made = super().__new__(meta, name, bases, names)\n        if bases:\n"
                "            meta.known[name] = made\n        return made\nclass Base(metaclass=Meta):\n    pass"
            ),
            "class Half(Base):\n    def run(self, x):\n        return x / 2",
            "def predict(x):\n    return {name: kind().run(x) for name, kind in Meta.known.items()}",
            "predict(3)",
        ),
        silent=True,
    ),
    Case(
        "a factory whose class method is the decorator",
        (
            (
                "class Factory:\n    _kinds: dict = {}\n    @classmethod\n    def register(cls, name):\n"
                "        def keep(kind):\n            cls._kinds[name] = kind\n            return kind\n        return keep"
            ),
            "@Factory.register('double')\nclass Double:\n    def run(self, x):\n        return 2 * x",
            "def predict(x):\n    return Factory._kinds['double']().run(x)",
            "predict(4)",
        ),
        silent=True,
    ),
    Case(
        "the subclasses that a class is asked for",
        (
            "class Base:\n    pass",
            "class Zeta(Base):\n    by = 2\nclass Alpha(Base):\n    by = 3\nclass Inner(Zeta):\n    by = 4",
            "def predict(x):\n    return [(kind.__name__, x * kind.by) for kind in Base.__subclasses__()]",
            "predict(3)",
        ),
        has=("class Zeta(Base)", "class Inner(Zeta)"),
    ),
    Case(
        "a registry whose order counts, with what no decorator put there",
        (
            (
                "STEPS = []\ndef step(rank):\n    def keep(function):\n        STEPS.append((rank, function))\n"
                "        return function\n    return keep"
            ),
            "@step(2)\ndef zip_up(text):\n    return text + 'z'\n@step(1)\ndef add(text):\n    return text + 'a'",
            "STEPS.append((9, lambda text: text + '!'))",
            "def predict(text):\n    for rank, function in STEPS:\n        text = function(text) + str(rank)\n    return text",
            "predict('')",
        ),
        silent=True,
    ),
    Case(
        "a registry that a closure holds",
        (
            (
                "def make():\n    known = {}\n    def register(function):\n        known[function.__name__] = function\n"
                "        return function\n    def of(name):\n        return known[name]\n    return register, of"
            ),
            "register, of = make()",
            "@register\ndef half(x):\n    return x / 2",
            "def predict(x):\n    return of('half')(x)",
            "predict(3)",
        ),
    ),
    Case(
        "a registry and a setting of a local module that the notebook changes",
        (
            "import plugins, settings\nsettings.RATE = 3",
            "@plugins.register\ndef half(x):\n    return x / 2",
            "def predict(x):\n    return plugins.run('half', x) * settings.RATE",
            "predict(3)",
        ),
        has=("_settings.RATE = 3",),
        files={
            "plugins.py": "KNOWN = {}\ndef register(f):\n    KNOWN[f.__name__] = f\n    return f\n"
            "def run(name, x):\n    return KNOWN[name](x)\n",
            "settings.py": "RATE = 1\n",
        },
    ),
    Case(
        "values put on a class and on a function later",
        (
            "class Holder:\n    model = None\n    words = {}\n    connection = None\n    history = []\n    __hidden = 0",
            (
                "import numpy as np, sqlite3\nHolder.model = np.arange(3.0)\n"
                "Holder.words.update({f'w{n}': n for n in range(900)})\nHolder.connection = sqlite3.connect(':memory:')"
            ),
            "Holder.history.append('unread')\nHolder._Holder__hidden = 3\nHolder.get = lambda self: self._Holder__hidden",
            (
                "def predict(x):\n    Holder.connection\n    return Holder().get() + Holder.model[1] * x + Holder.words['w7'] + predict.table['one'](x)\n"
                "predict.table = {'one': lambda x: x + 1}"
            ),
            "predict(4)",
        ),
        packages=("numpy",),
        has=("Holder._Holder__hidden = 3",),
        lacks=("unread",),
        warns=("Holder.connection (sqlite3.Connection) cannot be copied",),
    ),
    Case(
        "counters in a class and in a function",
        (
            "class Counter:\n    calls = 0\n    seen = []",
            (
                "def predict(x):\n    Counter.calls += 1\n    Counter.seen.append(x)\n    predict.total += x\n"
                "    return [Counter.calls, Counter.seen]"
            ),
            "predict.total = 0\npredict(1); predict(2)",
        ),
        warns=("predict changes Counter.calls, Counter.seen, predict.total",),
    ),
    Case(
        "a class whose method reads a model of that class",
        (
            "class Scale:\n    def __init__(self, by):\n        self.by = by\n    def apply(self, x):\n        return x * self.by + (best.by if self is not best else 0)",
            "best = Scale(3)",
            "def predict(x):\n    return best.apply(x) + Scale(2).apply(x)",
            "predict(1)",
        ),
    ),
    Case(
        "arrays of one and of two dimensions, or none",
        (
            "import numpy as np\nfrom typing import Optional\ndef predict(rows: Optional[np.ndarray]):\n    return 0 if rows is None else rows.sum()",
            "predict(np.ones((2, 2))); predict(np.ones(3)); predict(None)",
        ),
    ),
    Case(
        "files whose names are put together",
        (
            "import json, os\nfrom pathlib import Path\nDATA = Path('tables')",
            "def rates():\n    return json.loads((DATA / 'rates.json').read_text())",
            "def predict(x):\n    with open(os.path.join('tables', 'names.txt')) as file:\n        return [rates()['a'] * x, file.read()]",
            "predict(2)",
        ),
        files={"tables/rates.json": '{"a": 3}', "tables/names.txt": "one", "tables/unused.txt": "two"},
    ),
    Case(
        "a frame's query that names a global",
        (
            "import pandas as pd\nlimit = 2",
            "def predict(rows: pd.DataFrame):\n    return rows.query('a > @limit')",
            "predict(pd.DataFrame({'a': [1, 2, 3]}))",
        ),
        has=("limit = 2",),
    ),
    Case(
        "linear algebra over a frame that was made of an array, to the last digit",
        (
            ("import numpy as np\nimport pandas as pd\nfrom sklearn.datasets import load_iris\n"
            "from sklearn.linear_model import Ridge\nfrom sklearn.multioutput import MultiOutputRegressor"),
            "rows, kinds = load_iris(return_X_y=True, as_frame=True)",
            "model = MultiOutputRegressor(Ridge()).fit(rows, np.c_[kinds, -kinds])",
            "def predict(rows: pd.DataFrame) -> np.ndarray:\n    return model.predict(rows)",
            "predict(rows.head(50))",
        ),
        packages=("scikit-learn",),
    ),
    Case(
        "an object with a lock",
        (
            ("import threading\nclass Prices:\n    def __init__(self):\n        self.lock = threading.Lock()\n"
            "        self.rates = {'a': 2}\n    def of(self, name):\n        with self.lock:\n            return self.rates[name]"),
            "prices = Prices()",
            "def predict(name: str) -> int:\n    return prices.of(name)",
            "predict('a')",
        ),
    ),
    Case(
        "a method of an object",
        (
            "class Predictor:\n    def __init__(self, rate):\n        self.rate = rate\n    def predict(self, x: float) -> float:\n        return x * self.rate",
            "served = Predictor(3)",
            "served.predict(2.0)",
        ),
        deploy="served.predict",
        has=("predict = served.predict",),
    ),
    Case(
        "a lambda that a lambda makes",
        (
            "from functools import reduce\ncompose = lambda *fs: reduce(lambda f, g: lambda x: g(f(x)), fs)",
            "clean = compose(str.strip, str.lower, lambda text: text + '!')",
            "def predict(text):\n    return clean(text)",
            "predict(' A ')",
        ),
    ),
    Case(
        "a closure that changes what it holds",
        (
            (
                "def make():\n    state = {'n': 10}\n    def bump():\n        state['n'] += 1\n        return state['n']\n"
                "    return bump\nbump = make()"
            ),
            "def predict(x):\n    return bump() + x",
            "predict(1)",
        ),
        warns=("predict changes _bump_state",),
    ),
    Case(
        "objects of which only counts which one they are",
        (
            (
                "import socket\nMISSING = object()\nclass Reader:\n    def __init__(self):\n"
                "        self.default = MISSING\n        self.other = socket._GLOBAL_DEFAULT_TIMEOUT\nreader = Reader()"
            ),
            "def predict(x):\n    return [reader.default is MISSING, reader.other is socket._GLOBAL_DEFAULT_TIMEOUT]",
            "predict(1)",
        ),
        has=("MISSING = object()",),
    ),
    Case(
        "generators of random numbers",
        (
            "import random\nimport numpy as np\nrng = np.random.default_rng(1)\nold = np.random.RandomState(2)\ndice = random.Random(3)",
            "def predict(n: int):\n    return [rng.normal(size=n), old.rand(n), dice.random()]",
            "predict(2); predict(3)",
        ),
        warns=("predict changes dice, old, rng",),
    ),
    Case(
        "a model that is loaded at the first call",
        (
            "_model = None\ndef get():\n    global _model\n    if _model is None:\n        _model = [1, 2]\n    return _model",
            "def predict(x):\n    return get()[0] + x",
            "predict(1)",
        ),
        silent=True,
    ),
    Case(
        "an object whose methods change it, and a class that loads its model at the first call",
        (
            (
                "import numpy as np\nclass Bandit:\n    def __init__(self):\n        self.t, self.rng = 0, np.random.default_rng(0)\n"
                "    def choose(self):\n        self.t += 1\n        return self.rng.random() + self.t\nbandits = {'a': Bandit()}"
            ),
            (
                "class Service:\n    model = None\n    @classmethod\n    def get(cls):\n        if cls.model is None:\n"
                "            cls.model = [np.ones(3)]\n        return cls.model"
            ),
            "def predict(x):\n    return [bandits['a'].choose(), Service.get()[0]]",
            "predict(1); predict(2)",
        ),
        warns=("predict changes bandits: ",),
    ),
    Case(
        "an object with a lambda and methods that change it, which no call changes",
        (
            (
                "class Cleaner:\n    def __init__(self):\n        self.steps, self.words = [lambda text: text.strip()], None\n"
                "    def load(self):\n        if self.words is None:\n            self.words = {'a'}\n        return self.words\n"
                "    def clean(self, text):\n        return [self.steps[0](text), sorted(self.load())]\ncleaner = Cleaner()"
            ),
            "def predict(text):\n    return cleaner.clean(text)",
            "predict(' b ')",
        ),
        silent=True,
    ),
    Case(
        "settings of libraries",
        (
            "import decimal\nimport numpy as np, pandas as pd\nfrom sklearn import set_config\nfrom sklearn.preprocessing import StandardScaler",
            "set_config(transform_output='pandas')\nset_config(display='text')\npd.set_option('display.max_rows', 5)",
            "decimal.getcontext().prec = 5\npd.options.mode.chained_assignment = None",
            "scaler = StandardScaler().fit(pd.DataFrame({'a': [1.0, 2.0]}))\nscaler.set_params(copy=False)",
            (
                "import time\ndef predict(rows: pd.DataFrame):\n    time.sleep(0.2)\n"
                "    return [type(scaler.transform(rows)).__name__, str(decimal.Decimal(1) / 3), pd.options.mode.chained_assignment]"
            ),
            "predict(pd.DataFrame({'a': [1.0, 2.0]}))",
        ),
        has=("set_config(transform_output='pandas')", "decimal.getcontext().prec = 5"),
        lacks=("display", "set_params"),
    ),
    Case(
        "scripts and notebooks that %run runs",
        (
            "%run -i settings.py\n%run tools.ipynb",
            "def predict(x):\n    return squash(scale(x))",
            "predict(3)",
        ),
        has=("def squash", "def scale"),
        silent=True,
        files={
            "settings.py": "RATE = 3\ndef scale(x):\n    return x * RATE\n",
            "tools.ipynb": TOOLS,
        },
    ),
    Case(
        "classes of attrs as arguments and answers",
        (
            (
                "from attrs import define, field\n@define\nclass Item:\n    name: str\n    qty: int = 1\n    _tags: set[str] = field(factory=set)\n"
                "    total: int = field(init=False, default=0)"
            ),
            "def predict(item: Item, items: list[Item] = ()) -> Item:\n    return Item(item.name, item.qty * 2, {'a', *item._tags})",
            "predict(Item('x', 3, {'b'}), [Item('y')])\npredict(Item('z'))",
        ),
    ),
    Case(
        "an entry that takes several values and named features",
        (
            (
                "def predict(kind, *values, scale: float = 1.0, **features: float):\n"
                "    return {kind: [value * scale for value in values], 'sum': sum(features.values())}"
            ),
            "predict('a', 1, 2.5, scale=3, age=4)\npredict('b')",
        ),
    ),
    Case(
        "a class that extends the one of its own name, and a base that was made again later",
        (
            "class Model:\n    rate = 2\n    def fit(self, x):\n        self.x = x\n        return self",
            "class Model(Model):\n    def predict(self, x):\n        return self.x * self.rate + x",
            "class Base:\n    size = 1\n    def grow(self):\n        return self.size",
            "class Child(Base):\n    pass",
            "class Base:\n    size = 100\n    def grow(self):\n        return -self.size",
            "model, child = Model().fit(3), Child()",
            "def predict(x):\n    return [model.predict(x), child.grow(), Base().grow()]",
            "predict(1)",
        ),
        silent=True,
    ),
    Case(
        "methods that an annotation of theirs puts on their class",
        (
            (
                "def patch(function):\n    cls = function.__annotations__['self']\n"
                "    setattr(cls, function.__name__, function)\n    return function"
            ),
            "class Scaler:\n    def __init__(self, by):\n        self.by = by",
            "@patch\ndef apply(self: Scaler, x: float):\n    return x * self.by",
            "def twice(self: Scaler, x):\n    return self.apply(self.apply(x))\nScaler.twice = twice",
            "scaler = Scaler(3)",
            "def predict(x):\n    return scaler.twice(x)",
            "predict(2)",
        ),
        silent=True,
    ),
    Case(
        "defaults that are the notebook's own, some of them passed all the same",
        (
            (
                "import numpy as np, scipy.sparse as sp\nfrom sklearn.linear_model import LinearRegression\n"
                "model = LinearRegression().fit([[0.0], [1.0]], [1.0, 3.0])\nratings = sp.eye(3, format='csr') * 5\n"
                "similar = np.add.outer(np.arange(60.0), np.arange(60.0))"
            ),
            (
                "def predict(n: int, model=model, ratings=ratings, similar=similar, k=2):\n"
                "    return [model.predict([[n]])[0], ratings[n].sum(), similar[n][:k].tolist()]"
            ),
            "predict(1)",
            "predict(2, model, ratings, k=1)",
            "predict(1, ratings=ratings * 2)",
        ),
        warns=("gives ratings something else than its default, and no request can carry that",),
    ),
    Case(
        "a table of which the first rows are too few",
        (
            "import numpy as np, pandas as pd\nhistory = pd.DataFrame({'sales': [*np.arange(59.0), None]})",
            "def predict(history: pd.DataFrame):\n    return history['sales'].rolling(28).mean().iloc[40:].dropna().iloc[0]",
            "predict(history)",
        ),
        silent=True,
    ),
    Case(
        "local modules that read files while they are imported",
        (
            "import labels, settings",
            "def predict(x):\n    return [labels.NAMES[x], settings.RATE, settings.later()]",
            "predict('0')",
        ),
        files={
            "labels.py": "import json\nfrom pathlib import Path\nROOT = Path(__file__).resolve().parent\n"
            "with open(ROOT / 'data' / 'names.json') as file:\n    NAMES = json.load(file)\n",
            "settings.py": "import json\ndef load():\n    return json.load(open('settings.json'))\nRATE = load()['rate']\n"
            "def later():\n    from pathlib import Path\n    return (Path(__file__).parent / 'later.txt').read_text()\n"
            "def train():\n    return open('train.csv').read()\n",
            "data/names.json": '{"0": "low"}',
            "settings.json": '{"rate": 3}',
            "later.txt": "later",
            "train.csv": "a,b",
        },
    ),
    Case(
        "moments of pandas, and progress that is drawn in the notebook",
        (
            "import pandas as pd\nfrom tqdm.notebook import tqdm, trange",
            "def predict(when: pd.Timestamp, wait=None):\n    return [when + wait * n for n in tqdm(trange(2), desc='days')]",
            "predict(pd.Timestamp('2024-01-01'), pd.Timedelta('1D'))",
        ),
        packages=("pandas", "tqdm"),
        without=("ipywidgets",),
        silent=True,
    ),
    Case(
        "dictionaries with dots, and such with an answer for all",
        (
            (
                "class Dots(dict):\n    __getattr__ = dict.get\n    __setattr__ = dict.__setitem__\n"
                "class Always(dict):\n    def __missing__(self, key):\n        return 'none'\n"
                "    def __getattr__(self, key):\n        return self[key]"
            ),
            "dots, always = Dots(rate=2), Always(a=1)\ndots.depth = 3",
            "def predict(x):\n    return [dots.rate, dots.depth, dots.other, always.a, always['b'], always.c, x]",
            "predict(1)",
        ),
        silent=True,
    ),
    Case(
        "an answer that is only printed, and a file that is named by the caller",
        (
            "def predict(path):\n    with open(path) as file:\n        print(file.read())",
            "predict('words.txt')",
        ),
        warns=("predict returned None in every golden call", "predict opens the file that path names (words.txt)"),
        files={"words.txt": "alpha"},
    ),
    Case(
        "a function inside if and try",
        (
            "try:\n    import nosuchpackage\nexcept ImportError:\n    def helper(x):\n        # kept\n        return x + 1",
            "def predict(x):\n    return helper(x)",
            "predict(1)",
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_deploys_what_people_write(case: Case, notebook: LiveNotebook) -> None:
    for path, text in case.files.items():
        (notebook.folder / path).parent.mkdir(exist_ok=True)
        (notebook.folder / path).write_text(text)
    notebook.run(*case.cells)
    done = notebook.deploy(case.deploy)
    assert done["calls"] > 0
    assert done["equal"] == done["calls"]
    for part in case.has:
        assert part in done["service"]
    for part in case.lacks:
        assert part not in done["service"]
    assert set(case.packages) <= set(done["packages"])
    assert not set(case.without) & set(done["packages"])
    for part in case.warns:
        assert any(part in warning for warning in done["warnings"]), done["warnings"]
    if case.silent:
        assert not [warning for warning in done["warnings"] if "not saved" not in warning]


def test_what_cannot_be_proven_is_told_once_with_a_next_step(notebook: LiveNotebook) -> None:
    notebook.run(
        "import sqlite3, time\nconnection = sqlite3.connect(':memory:')",
        "def predict(x):\n    return connection.execute('select 1').fetchone()[0] + x",
        "predict(1); predict(2)",
        "def now():\n    return time.time()",
        "now()",
    )
    with pytest.raises(CellFailed, match="open it with check_same_thread=False") as refused:
        notebook.deploy("predict")
    assert str(refused.value).count("predict failed (cell") == 1
    with pytest.raises(CellFailed, match="the clock and changing globals cannot be proven"):
        notebook.deploy("now")


def test_what_is_no_data_is_refused_with_what_to_write(notebook: LiveNotebook) -> None:
    notebook.run(
        "from sklearn.preprocessing import StandardScaler\nscaler = StandardScaler().fit([[0.0], [2.0]])\nnames = ['a']",
        "def predict(model, rows, k=2):\n    return model.transform(rows)[:k].ravel()",
        "predict(scaler, [[1.0]])",
        "def ask(x):\n    return input('Age? ') + x",
    )
    with pytest.raises(CellFailed, match="which a request cannot carry") as refused:
        notebook.deploy("predict")
    wrapper = "def serve_predict(rows, k=2):\n          return predict(scaler, rows, k)"
    assert wrapper in str(refused.value)
    with pytest.raises(CellFailed, match=r"ask calls input\('Age\? '\), and a service has nobody to ask"):
        notebook.deploy("ask --example \"ask('1')\"")


def test_a_service_that_writes_to_its_files_starts_again_with_what_it_wrote(notebook: LiveNotebook) -> None:
    notebook.run(
        "import csv\nlog = open('calls.csv', 'a+')\nwriter = csv.writer(log)",
        "def predict(x):\n    writer.writerow([x])\n    log.flush()\n    open('last.txt', 'w').write(str(x))\n"
        "    return [int(line) for line in open('calls.csv') if int(line) > 100]",
        "predict(1)",
    )
    done = notebook.deploy("predict --name writer")
    assert any("predict writes last.txt" in warning for warning in done["warnings"])
    assert notebook.value("_endpoint.call(101)") == [101]
    notebook.execute("%deploy --stop writer")
    notebook.execute("%deploy --start writer")
    assert notebook.value("_endpoint.call(102)") == [101, 102]
    assert notebook.deploy("predict --name writer")["equal"] == 1
    assert notebook.value("_endpoint.call(103)") == [103]
