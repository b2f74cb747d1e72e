"""Small functions that call well-known libraries, for `python -m build bench agree` to run in and outside the sandbox.

They go where a warm, confined, forked interpreter could differ from a fresh one: what is imported late, what starts threads,
what reads data files, what wants a folder to write to, what asks for optional packages, what touches clocks, warnings,
random numbers and locales. `DIFFERENT` has those that do differ, each with the reason; nothing else may.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from textwrap import indent


@dataclass(frozen=True, slots=True)
class LibraryCall:
    """A function without arguments: what it looks at, the packages that it needs, and its source."""

    name: str
    needs: tuple[str, ...]
    code: str

    @property
    def installed(self) -> bool:
        return all(find_spec(package) is not None for package in self.needs)


# Each section is the body of a main_solution(): `### what it looks at: packages that must be installed`.
_BODIES = r"""
### a split into train and test: sklearn
from sklearn.model_selection import train_test_split
a, b = train_test_split([[1], [2], [3], [4]], test_size=0.5, random_state=0)
return [a, b]
### logistic regression: sklearn
from sklearn.linear_model import LogisticRegression
model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
return model.predict([[0.2], [2.7]]).tolist()
### a random forest: sklearn
from sklearn.ensemble import RandomForestClassifier
model = RandomForestClassifier(n_estimators=5, random_state=0).fit([[0], [1], [2], [3]], [0, 0, 1, 1])
return model.predict_proba([[0.4], [2.6]]).tolist()
### all processors: sklearn
from sklearn.ensemble import RandomForestRegressor
model = RandomForestRegressor(n_estimators=4, random_state=0, n_jobs=-1).fit([[0], [1], [2], [3]], [0, 1, 2, 3])
return model.predict([[1.5]]).round(6).tolist()
### jobs in threads: sklearn
from sklearn.ensemble import RandomForestRegressor
model = RandomForestRegressor(n_estimators=4, random_state=0, n_jobs=2).fit([[0], [1], [2], [3]], [0, 1, 2, 3])
return model.predict([[1.5]]).round(6).tolist()
### boosting with OpenMP: sklearn
from sklearn.ensemble import HistGradientBoostingRegressor
import numpy as np
x = np.arange(60.0).reshape(-1, 1)
return HistGradientBoostingRegressor(max_iter=5).fit(x, x.ravel()).predict([[10.0]]).round(3).tolist()
### clusters: sklearn
from sklearn.cluster import KMeans
return KMeans(2, n_init=2, random_state=0).fit([[0, 0], [0, 1], [9, 9], [9, 8]]).inertia_
### nearest neighbours: sklearn
from sklearn.neighbors import KNeighborsClassifier
return KNeighborsClassifier(1).fit([[0], [5], [9]], [0, 1, 2]).predict([[6], [8]])
### a bundled data set: sklearn
from sklearn.datasets import load_iris
return load_iris().data.shape
### text features: sklearn
from sklearn.feature_extraction.text import TfidfVectorizer
return TfidfVectorizer().fit_transform(['a word here', 'another word']).toarray().round(4).tolist()
### cross validation: sklearn
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier
return cross_val_score(DecisionTreeClassifier(random_state=0), [[n] for n in range(12)], [0, 1] * 6, cv=3).tolist()
### an estimator as text: sklearn
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
return repr(make_pipeline(StandardScaler(), SVC(C=2)))
### metrics: sklearn
from sklearn.metrics import classification_report, roc_auc_score
return [classification_report([0, 1, 1], [0, 1, 0], zero_division=0), roc_auc_score([0, 1, 1], [0.1, 0.4, 0.8])]
### the default type of texts: pandas
import pandas as pd
return [str(pd.Series(['a', None]).dtype), str(pd.DataFrame({'a': ['x']}).dtypes.to_dict())]
### groups: pandas
import pandas as pd
return pd.DataFrame({'k': ['b', 'a', 'b'], 'v': [1, 2, 3]}).groupby('k').v.sum().to_dict()
### a table from text: pandas
import io, pandas as pd
table = pd.read_csv(io.StringIO('a,b\n1,x\n2,\n'))
return [table.to_json(), str(table.dtypes.to_dict()), table.isna().sum().to_dict()]
### pyarrow as the engine of a table: pandas
import io, pandas as pd
return pd.read_csv(io.StringIO('a,b\n1,x\n2,y\n'), engine='pyarrow').to_json()
### pyarrow's types in a table: pandas
import pandas as pd
return str(pd.Series(['a', 'b'], dtype='string[pyarrow]').str.upper().tolist())
### a table in memory: pyarrow
import pyarrow as pa
return pa.table({'a': [1, 2], 'b': ['x', 'y']}).to_pydict()
### a computation: pyarrow
import pyarrow as pa, pyarrow.compute as pc
return pc.sum(pa.array([1, 2, 3])).as_py()
### dates and zones: pandas
import pandas as pd
return [str(stamp) for stamp in pd.date_range('2024-03-30', periods=3, freq='D', tz='Europe/Berlin')]
### a table as text: pandas
import pandas as pd
return repr(pd.DataFrame({'a': [1.5, 2], 'b': ['x', None]})) + str(pd.DataFrame({'a': range(100)}))
### merging and pivoting: pandas
import pandas as pd
left = pd.DataFrame({'k': [1, 2], 'x': [3, 4]})
return left.merge(pd.DataFrame({'k': [2, 3], 'y': [5, 6]}), how='outer').to_json() + left.pivot_table('x', 'k').to_json()
### an expression evaluated: pandas
import pandas as pd
return pd.DataFrame({'a': [1, 2], 'b': [3, 4]}).eval('a * b + 1').tolist()
### a query: pandas
import pandas as pd
return pd.DataFrame({'a': [1, 2, 3]}).query('a > 1').a.tolist()
### a style: pandas jinja2
import pandas as pd
return len(pd.DataFrame({'a': [1]}).style.to_html()) > 0
### the time now: pandas
import pandas as pd
return pd.Timestamp.now().year >= 2023
### solving: sympy
import sympy
x = sympy.Symbol('x')
return [str(root) for root in sympy.solve(x ** 2 - 5 * x + 6, x)]
### integrals and limits: sympy
import sympy
x = sympy.Symbol('x')
return [str(sympy.integrate(sympy.exp(-x ** 2), (x, -sympy.oo, sympy.oo))), str(sympy.limit(sympy.sin(x) / x, x, 0))]
### simplification and printing: sympy
import sympy
a, b = sympy.symbols('a b')
cube = str(sympy.expand((a + b) ** 3))
return [cube, sympy.latex(sympy.Matrix([[a, b]])), sympy.pretty(a / b), repr(sympy.factor(a ** 2 - b ** 2))]
### number theory: sympy
import sympy
return [sympy.factorint(360), [int(p) for p in sympy.primerange(1, 30)], int(sympy.totient(36)), sympy.isprime(2 ** 61 - 1)]
### sets of symbols: sympy
import sympy
return sorted(str(symbol) for symbol in sympy.sympify('x*y + z').free_symbols)
### an expression made into a function: sympy
import sympy
x = sympy.Symbol('x')
return [float(sympy.lambdify(x, sympy.sin(x) + x)(0.5)), str(sympy.nsimplify(0.333333333, rational=True, tolerance=1e-6))]
### parsing: sympy
from sympy.parsing.sympy_parser import parse_expr
return str(parse_expr('2*x + sin(y)**2').subs('x', 3))
### shortest paths: networkx
import networkx as nx
graph = nx.Graph([(1, 2), (2, 3), (1, 4), (4, 3)])
return [nx.shortest_path(graph, 1, 3), nx.diameter(graph), sorted(nx.articulation_points(graph))]
### pageRank: networkx scipy
import networkx as nx
return {key: round(value, 6) for key, value in nx.pagerank(nx.DiGraph([(1, 2), (2, 3), (3, 1), (1, 3)])).items()}
### random graphs with a seed: networkx
import networkx as nx
return sorted(nx.gnp_random_graph(8, 0.4, seed=3).edges())
### communities: networkx
import networkx as nx
return [sorted(part) for part in nx.community.greedy_modularity_communities(nx.karate_club_graph())]
### layouts: networkx numpy
import networkx as nx
return {key: [round(float(v), 6) for v in place] for key, place in nx.spring_layout(nx.path_graph(3), seed=1).items()}
### flows and trees: networkx
import networkx as nx
graph = nx.DiGraph()
graph.add_edge('s', 'a', capacity=3)
graph.add_edge('a', 't', capacity=2)
tree = nx.minimum_spanning_edges(nx.complete_graph(4), data=False)
return [nx.maximum_flow_value(graph, 's', 't'), sorted(map(sorted, tree))]
### a figure drawn: matplotlib
import matplotlib.pyplot as plt
figure, axes = plt.subplots()
(line,) = axes.plot([1, 2, 3], [4, 5, 6], label='x')
axes.legend()
figure.canvas.draw()
return [line.get_xydata().tolist(), [text.get_text() for text in axes.get_xticklabels()], axes.get_xlim()]
### a figure as bytes: matplotlib
import io
import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
plt.title('é ∑')
buffer = io.BytesIO()
plt.savefig(buffer, format='png')
return buffer.getvalue()[:8].hex()
### a histogram and its settings: matplotlib
import matplotlib, matplotlib.pyplot as plt
counts, edges, _ = plt.hist([1, 2, 2, 3], bins=3)
return [counts.tolist(), matplotlib.rcParams['figure.dpi'], matplotlib.get_backend().lower()]
### colours: matplotlib
import matplotlib.colors as colors, matplotlib
return [colors.to_hex('tab:blue'), matplotlib.colormaps['viridis'](0.5)]
### text with TeX in it: matplotlib
import matplotlib.pyplot as plt
figure = plt.figure()
text = figure.text(0.5, 0.5, r'$\alpha^2 + \frac{1}{2}$')
figure.canvas.draw()
return round(text.get_window_extent().width) > 0
### linear algebra: numpy
import numpy as np
a = np.array([[1.0, 2], [3, 4]])
return [np.linalg.det(a).round(9), np.linalg.eigvalsh(np.eye(3)).tolist(), np.linalg.solve([[2.0, 0], [0, 4]], [2, 4])]
### a larger product: numpy
import numpy as np
a = np.arange(250000.0).reshape(500, 500) % 7
return float((a @ a).sum())
### a seeded generator: numpy
import numpy as np
return [np.random.default_rng(3).integers(0, 9, 4).tolist(), np.random.RandomState(3).rand(2).tolist()]
### the seeded global generator: numpy
import numpy as np, random
np.random.seed(7)  # the module's own
random.seed(7)
return [np.random.randint(0, 99, 3), random.random()]
### errors and warnings: numpy
import numpy as np, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    np.array([1.0]) / np.array([0.0])
return [len(caught), str(caught[0].category.__name__), str(np.geterr())]
### a warning made an error: numpy
import numpy as np, warnings
with warnings.catch_warnings():
    warnings.simplefilter('error')
    try:
        np.log(np.array([0.0]))
    except RuntimeWarning as warning:
        return str(warning)
### the default filters of warnings: -
import warnings
kinds = (DeprecationWarning, ImportWarning, ResourceWarning)
return sorted(str(entry[:1] + entry[2:3]) for entry in warnings.filters if entry[2] in kinds)
### a warning shown once: -
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.warn('old', DeprecationWarning)
    warnings.warn('new')
return [str(item.message) for item in caught]
### arrays as text: numpy
import numpy as np
return [repr(np.array([1.5, 2])), str(np.arange(2000)), repr(np.float64(1)), np.array2string(np.eye(2), precision=2)]
### transforms and polynomials: numpy
import numpy as np
spectrum = np.abs(np.fft.fft([1, 0, 0, 0]))
return [spectrum, np.polyfit([0, 1, 2], [1, 3, 7], 2).round(6).tolist(), np.roots([1, -3, 2]).round(6).tolist()]
### text read into arrays: numpy
import io, numpy as np
return np.loadtxt(io.StringIO('1 2\n3 4')).tolist() + np.genfromtxt(io.StringIO('1,2'), delimiter=',').tolist()
### masks and testing: numpy
import numpy as np, numpy.testing as npt
npt.assert_allclose([1.0], [1.0 + 1e-9])
return [np.ma.array([1, 2], mask=[0, 1]).sum().item(), np.strings.upper(np.array(['a'])).tolist()]
### an optimum: scipy
from scipy.optimize import minimize
return [round(float(v), 4) for v in minimize(lambda p: (p[0] - 1) ** 2 + p[1] ** 2, [0, 1]).x]
### distributions: scipy
from scipy import stats
test = stats.ttest_ind([1, 2, 3], [2, 3, 4])
return [round(float(stats.norm.cdf(1.96)), 6), round(float(test.pvalue), 6), stats.norm.rvs(size=2, random_state=1)]
### integrals and equations: scipy
from scipy import integrate
decay = integrate.solve_ivp(lambda t, y: -y, (0, 1), [1.0])
return [round(integrate.quad(lambda x: x * x, 0, 1)[0], 9), decay.y[0][-1].round(3)]
### sparse matrices: scipy
import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import shortest_path
return shortest_path(csr_matrix(np.array([[0, 1, 0], [0, 0, 2], [3, 0, 0]]))).tolist()
### trees and distances: scipy
from scipy.spatial import KDTree, ConvexHull, distance
hull = ConvexHull([[0, 0], [1, 0], [0, 1], [0.2, 0.2]])
return [KDTree([[0, 0], [3, 4]]).query([3, 3]), sorted(hull.vertices.tolist()), distance.cosine([1, 0], [0, 1])]
### signals and images: scipy
from scipy import ndimage, signal
return [signal.find_peaks([0, 2, 0, 3, 0])[0].tolist(), ndimage.label([[1, 0, 1]])[1], signal.convolve([1, 2], [1, 1]).tolist()]
### interpolation: scipy
from scipy.interpolate import CubicSpline, interp1d
return [float(CubicSpline([0, 1, 2], [0, 1, 4])(1.5)), float(interp1d([0, 1], [0, 10])(0.3))]
### linear programs: scipy
from scipy.optimize import linprog, linear_sum_assignment
pairs = linear_sum_assignment([[1, 2], [2, 1]])
return [linprog([-1, -1], A_ub=[[1, 2]], b_ub=[4]).fun, [part.tolist() for part in pairs]]
### late imports: -
import concurrent.futures, email.message, html.parser, http.cookies, sqlite3, zoneinfo, unittest.mock, logging, ast, tomllib
import xml.etree.ElementTree as tree
sum_of = sqlite3.connect(':memory:').execute('select 1 + 1').fetchone()
return [tree.fromstring('<a b="1"/>').get('b'), str(zoneinfo.ZoneInfo('Asia/Tokyo')), tomllib.loads('a = 1'), sum_of]
### locale and encodings: -
import locale, sys
names = [sys.getdefaultencoding(), sys.getfilesystemencoding(), locale.getlocale()[1]]
return [names, 'é'.encode('idna').decode(), f'{1234567.5:n}']
### limits of the interpreter: -
import sys
return [sys.getrecursionlimit(), sys.get_int_max_str_digits(), sys.flags.optimize, __name__]
### how the interpreter was started: -
import sys
return [sys.argv, sys.dont_write_bytecode]
### a deep recursion: -
def down(n):
    return 0 if n == 0 else 1 + down(n - 1)
return down(900)
### pickling and copying of a class of its own: -
import copy, pickle
from dataclasses import dataclass, replace
from enum import Enum
return [pickle.loads(pickle.dumps({'a': (1, {2})})), copy.deepcopy([[1]])]
### printing, stdin and stderr: -
import sys, io, contextlib
buffer = io.StringIO()
with contextlib.redirect_stdout(buffer):
    print('hello', end='')
print('x', file=sys.stderr)
return [buffer.getvalue(), sys.stdout.encoding, sys.stdout.isatty()]
### the main module: -
import sys, inspect
return ['__main__' in sys.modules, main_solution.__module__ in sys.modules, 'json' in sys.modules]
### a function's source: -
import inspect
try:
    return inspect.getsource(main_solution)[:3]
except OSError as error:
    return str(error)
### a temporary file: -
import tempfile
with tempfile.TemporaryFile() as file:
    file.write(b'x')
    file.seek(0)
    return file.read().decode()
### threads: -
import threading
found = []
worker = threading.Thread(target=found.append, args=(1,))
worker.start()
worker.join()
return found
### a pool of threads: -
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(2) as pool:
    return list(pool.map(abs, [-1, 2]))
### a pool of processes: -
from multiprocessing import Pool
with Pool(2) as pool:
    return pool.map(abs, [-1, 2])
### an event loop: -
import asyncio
async def later():
    await asyncio.sleep(0.01)
    return 7
return asyncio.run(later())
### the clock: -
import time, datetime
start = time.perf_counter()
time.sleep(0.01)
return [time.perf_counter() > start, datetime.datetime.now().tzinfo is None, datetime.date.today().year >= 2023, time.tzname[0]]
### the machine: -
import os, platform, sys
return [sys.platform, platform.python_implementation(), os.sep, os.name]
### logging: -
import logging, io
stream = io.StringIO()
logger = logging.getLogger('x')
logger.addHandler(logging.StreamHandler(stream))
logger.warning('careful')
return stream.getvalue()
"""


DIFFERENT = {
    "jobs in threads": "no threads",
    "pyarrow as the engine of a table": "no threads",
    "threads": "no threads",
    "a pool of threads": "no threads",
    "a pool of processes": "no processes",
    "an event loop": "no sockets, of which every event loop has a pair",
    "a temporary file": "no file can be written",
    "how the interpreter was started": "no script and no arguments",
}


def _parse(section: str) -> LibraryCall:
    heading, body = section.split("\n", 1)
    name, packages = heading.rsplit(": ", 1)
    needs = tuple(package for package in packages.split() if package != "-")
    return LibraryCall(name, needs, f"def main_solution():\n{indent(body, '    ')}")


CALLS = tuple(_parse(section) for section in _BODIES.split("### ")[1:])
