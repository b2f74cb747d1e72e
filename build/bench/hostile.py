"""Lists programs that attack or break whoever runs them, by class, each with the verdicts that are allowed for it.

Used by the tests (each alone, then an honest job on the same worker) and by `python -m build bench soak` (all of them
mixed with honest functions). A program that reaches what it must not returns "ESCAPED"; no status excuses that.
"""

from dataclasses import dataclass
from textwrap import indent

ESCAPED = "ESCAPED"


@dataclass(frozen=True, slots=True)
class Threat:
    """One hostile program (`main_solution(x)`), the statuses that are right for it, and the value where one is "ok"."""

    name: str
    code: str
    statuses: tuple[str, ...]
    value: str | None


# Each section is the body of a main_solution(x): `### class -> statuses`, and `= value` where the value is fixed.
_BODIES = r"""
### fork bomb -> exception
while True:
    os.fork()
### fork by a raw system call -> ok = 1
libc = ctypes.CDLL(None)
return 'ESCAPED' if libc.fork() >= 0 else 1
### thread bomb -> exception
import threading
while True:
    threading.Thread(target=input).start()
### daemon thread left behind -> exception
import threading
threading.Thread(target=print, daemon=True).start()
### daemon process left behind -> exception
if os.fork() == 0:
    os.setsid()
    while True:
        pass
### multiprocessing pool -> exception
from multiprocessing import Pool
return Pool(2).map(abs, [1])
### shell command -> ok = 1
return 'ESCAPED' if os.system('true') == 0 else 1
### subprocess -> exception
import subprocess
subprocess.run(['true'])
return 'ESCAPED'
### exec -> exception
os.execv(sys.executable, ['python'])
### memory bomb, at once -> memory
return len(bytearray(10 ** 10))
### memory bomb, in steps -> memory timeout
kept = []
while True:
    kept.append(bytearray(10 ** 6))
### memory bomb, shared -> exception memory
import mmap
mmap.mmap(-1, 10 ** 10)
### memory bomb that hides MemoryError -> killed
try:
    a = 'x' * 10 ** 10
except MemoryError:
    os._exit(0)
### filling the disk -> exception
with open('/tmp/full', 'wb') as f:
    f.write(bytes(10 ** 9))
return 'ESCAPED'
### filling the working folder -> exception
open('full', 'wb').write(b'1')
return 'ESCAPED'
### a temporary file -> exception
import tempfile
tempfile.NamedTemporaryFile().write(b'1')
return 'ESCAPED'
### folders, links, removal -> ok = []
done = []
for what in (lambda: os.mkdir('d'), lambda: os.symlink('/etc', 'l'), lambda: os.remove(os.__file__),
             lambda: os.rename(os.__file__, 'x'), lambda: os.chmod(os.__file__, 0o777), lambda: os.mkfifo('f')):
    try:
        what()
        done.append('ESCAPED')
    except OSError:
        pass
return done
### endless loop -> timeout
while True:
    pass
### loop that ignores every signal -> timeout killed
for number in range(1, 65):
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True:
    pass
### loop that swallows everything -> timeout
while True:
    try:
        while True:
            pass
    except BaseException:
        pass
### loop that disarms the timer -> timeout
signal.setitimer(signal.ITIMER_PROF, 0)
while True:
    pass
### waiting for ever -> timeout
import select
select.select([], [], [])
### sleeping for a day -> ok = 1
import time
time.sleep(86400)
return 1
### stopping itself -> exception
os.kill(os.getpid(), signal.SIGSTOP)
return 'ESCAPED'
### a huge power -> timeout memory
return (7 ** 10 ** 8) % 10
### a catastrophic regex -> timeout
import re
return re.match('(a+)+$', 'a' * 64 + 'b') is None
### raising its limits -> exception
import resource
resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
return 'ESCAPED'
### deep recursion -> exception
return main_solution(x)
### C stack overflow -> exception killed memory timeout
sys.setrecursionlimit(10 ** 9)
a = []
for _ in range(10 ** 5):
    a = [a]
return repr(a)
### a wild pointer -> killed
return ctypes.string_at(8)
### os._exit(0) -> killed
os._exit(0)
### sys.exit(0) -> exception
sys.exit(0)
### BaseException -> exception
class Out(BaseException):
    pass
raise Out('x' * 10 ** 7)
### an exception that raises -> exception
class Bad(Exception):
    def __str__(self):
        raise self
raise Bad
### KeyboardInterrupt -> exception
raise KeyboardInterrupt
### abort -> killed
os.abort()
### alarm -> killed timeout
signal.alarm(1)
while True:
    pass
### forged on stdout -> killed
import json
text = json.dumps({"status": "ok", "value": "42", "detail": "", "cpu_s": 0.0}).encode()

print(text.decode(), flush=True)
os.write(1, text)
os._exit(0)
### forged through every descriptor -> killed
import json
text = json.dumps({"status": "ok", "value": "42", "detail": "", "cpu_s": 0.0}).encode()

for fd in range(64):
    try:
        os.write(fd, bytes(16) + len(text).to_bytes(4, 'big') + text)
    except OSError:
        pass
return 1
### flooding the result channel -> killed timeout
while True:
    for fd in range(3, 64):
        try:
            os.write(fd, bytes(65536))
        except OSError:
            pass
### forged through stack frames -> killed
frame = sys._getframe()
while frame:
    for value in list(frame.f_locals.values()):
        if getattr(value, '__name__', '') == 'emit':
            value({"status": "ok", "value": "42", "detail": "", "cpu_s": 0.0})
    frame = frame.f_back
return 1
### patched json -> ok = 1
import json, json.encoder, json.decoder
json.dumps = json.encoder.JSONEncoder.encode = lambda *a, **k: '42'
json.loads = lambda *a, **k: {'x': 42}
return x
### patched builtins -> ok = [1, {}]
import builtins
for name in ('len', 'sorted', 'isinstance', 'type', 'str', 'hasattr', 'dict', 'list'):
    setattr(builtins, name, lambda *a, **k: 42)
return [x, {}]
### a trace function left behind -> ok killed = 1
sys.settrace(lambda *a: os._exit(0))
return x
### closed descriptors -> ok killed = 1
os.closerange(0, 64)
return 1
### looking for the expected answer -> ok = 1
wanted = '-'.join(['EXPECTED', 'ANSWER'])
for found in gc.get_objects():
    values = list(found.values()) if type(found) is dict else list(found) if type(found) in (list, tuple) else []
    if any(type(value) is str and wanted in value for value in values):
        return 'ESCAPED'
return 1
### reading files -> ok = []
found = []
for path in ('/etc/passwd', '/etc/hostname', '/root', '/home', '/var', '/proc/self/environ', '/proc/self/maps',
             '/proc/1/environ', f'/proc/{os.getppid()}/environ', '/sys/kernel', '/dev/mem', '/tmp', '/run'):
    try:
        found.append(os.listdir(path) and path if os.path.isdir(path) else open(path, 'rb').read(1) and path)
    except OSError:
        pass
return [path for path in found if path]
### home tokens -> ok = []
found = []
for folder in (os.path.expanduser('~'), '/root', '/home'):
    for name in ('', '.netrc', '.ssh', '.aws', '.cache/huggingface/token', '.bashrc', '.gitconfig'):
        path = os.path.join(folder, name)
        try:
            found.append(os.listdir(path) if os.path.isdir(path) else open(path).read())
        except OSError:
            pass
return found
### environment -> ok = []
return [key for key in os.environ if 'TOKEN' in key or 'SECRET' in key]
### memory of the parent -> ok = 1
libc = ctypes.CDLL(None)
parent = os.getppid()
if libc.ptrace(16, parent, 0, 0) == 0 or libc.process_vm_readv(parent, 0, 0, 0, 0, 0) >= 0:
    return 'ESCAPED'
return 1
### stdin -> exception
return input()
### a connection to anywhere -> exception
import socket
socket.create_connection(('192.0.2.1', 80), 1)
return 'ESCAPED'
### a connection to loopback -> exception
import socket
socket.create_connection(('127.0.0.1', x), 1)
return 'ESCAPED'
### listening -> exception
import socket
socket.socket().listen()
return 'ESCAPED'
### killing the parent -> exception
os.kill(os.getppid(), signal.SIGKILL)
return 'ESCAPED'
### killing everybody -> exception
os.kill(-1, signal.SIGKILL)
return 'ESCAPED'
### signals by descriptor ownership -> exception
import fcntl
r, w = os.pipe()
fcntl.fcntl(r, fcntl.F_SETOWN, os.getppid())
return 'ESCAPED'
### flooding stdout -> ok = 1
for _ in range(200):
    print('x' * 10 ** 5)
return 1
### a huge string -> not_data memory
return 'x' * 10 ** 7
### an int beyond the digit limit -> not_data
return 10 ** 5000
### NaN -> not_data
return float('nan')
### infinity, inside -> not_data
return [1.0, {'a': -float('inf')}]
### a set -> ok = [1, 2, 3]
return {3, 1, 2}
### a tuple -> ok = [1, [2]]
return (1, (2,))
### bytes -> not_data
return b'1'
### a generator -> not_data
return (i for i in range(3))
### an endless generator -> not_data
import itertools
return itertools.count()
### an object -> not_data
return object()
### a list that lies about itself -> not_data
class Liar(list):
    def __len__(self):
        return 0
    def __iter__(self):
        return iter(())
return Liar([1] * 100)
### a dict that lies about itself -> not_data
class Liar(dict):
    def items(self):
        return [('a', 1)]
return Liar()
### a type that is equal to every type -> not_data
class Meta(type):
    __eq__ = lambda *a: True
    __hash__ = lambda *a: 1
    __name__ = property(lambda *a: sys.exit(0))
    __bases__ = property(lambda *a: (tuple,))
    __getattr__ = lambda *a: sys.exit(0)
class Liar(metaclass=Meta):
    __iter__ = __len__ = __eq__ = __bool__ = __repr__ = lambda *a: sys.exit(0)
    __hash__ = lambda *a: 1
return [Liar(), Liar]
### a set whose members lie -> not_data
class Member:
    __eq__ = __repr__ = __lt__ = lambda *a: sys.exit(0)
    __hash__ = lambda self: id(self)
return {Member(), Member(), 1}
### a key that lies -> not_data
class Key(str):
    __eq__ = __str__ = __repr__ = lambda *a: sys.exit(0)
    __hash__ = lambda self: 1
return {Key('a'): 1}
### an int that lies -> not_data
class Liar(int):
    __eq__ = __repr__ = __index__ = lambda *a: sys.exit(0)
    bit_length = lambda self: 1
return [Liar(10 ** 5000)]
### a tuple that lies -> not_data
from collections import namedtuple
class Liar(namedtuple('Liar', 'a b')):
    def __iter__(self):
        raise SystemExit
return Liar(1, 2)
### a named tuple with other items -> ok = [1, 2]
from collections import namedtuple
P = namedtuple('P', 'a b')
P.__iter__ = lambda self: sys.exit(0)
P.__len__ = lambda self: 10 ** 9
P._fields = ()
return P(1, 2)
### a counter with other items -> ok = {"a": 1}
import collections
collections.Counter.items = lambda self: [('a', 42)]
return collections.Counter('a')
### made by a numpy of its own -> not_data
fake = type('int64', (), {'__module__': 'numpy', 'item': lambda self: 42, 'dtype': 1, 'tolist': lambda self: [42]})
sys.modules['numpy'] = fake
return fake()
### SystemExit as a value -> not_data
return SystemExit
### a list that holds itself many times over -> not_data timeout memory
a = []
for _ in range(45):
    a = [a] * 9
return a
### a range without end -> not_data
return range(10 ** 15)
### a lowered digit limit -> not_data
sys.set_int_max_str_digits(640)
return 10 ** 1000
### an exception without a name -> exception
class Meta(type):
    __name__ = property(lambda *a: sys.exit(0))
    __getattribute__ = lambda *a: sys.exit(0)
raise type.__call__(Meta, 'E', (Exception,), {})()
### an exception whose text lies -> exception
class Text(str):
    __format__ = __str__ = __len__ = __getitem__ = encode = lambda *a: sys.exit(0)
class E(Exception):
    __str__ = lambda self: Text('x')
raise E
### a signal handler left behind -> ok exception killed timeout = 1
def handler(*a):
    raise SystemExit
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.00001, 0.00001)
return x
### an audit hook left behind -> ok exception killed = 1
sys.addaudithook(lambda *a: sys.exit(0))
return x
### a garbage collector's callback left behind -> ok exception killed = 1
gc.callbacks.append(lambda *a: sys.exit(0))
gc.set_threshold(1)
return x
### a recursive list -> not_data
a = []
a.append(a)
return a
### a lone surrogate -> not_data
return '\ud800'
### deep nesting -> not_data
a = []
for _ in range(10 ** 5):
    a = [a]
return a
### a missing module -> exception
import no_such_module
### poisoned modules -> ok = 1
import math, random, collections
math.sqrt = random.random = collections.Counter = None
for name in list(sys.modules):
    sys.modules[name] = None
return 1
"""


def _parse(section: str) -> Threat:
    heading, body = section.split("\n", 1)
    name, verdict = heading.split(" -> ")
    statuses, _, value = verdict.partition(" = ")
    code = f"import ctypes, gc, os, signal, sys\ndef main_solution(x):\n{indent(body, '    ')}"
    return Threat(name, code, tuple(statuses.split()), value or None)


THREATS = tuple(_parse(section) for section in _BODIES.split("### ")[1:])
