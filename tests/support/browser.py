"""Headless Chromium on a page, through its debugging pipe.

It is told what to do in the DevTools protocol, JSON with a zero byte behind
each message: Chromium reads from descriptor 3 and writes to 4.
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
from functools import partial

from tests.support.limits import HANGS

#: Names under which distributions have it.
NAMES = 'chromium', 'chromium-browser', 'google-chrome'
OPTIONS = ('--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
           '--no-first-run', '--disable-dev-shm-usage',
           '--remote-debugging-pipe')

#: Names of keys, with the codes and the text that each of them has.
KEYS = {'Tab': (9, ''), 'Enter': (13, '\r'), ' ': (32, ' '),
        'ArrowLeft': (37, ''), 'ArrowUp': (38, ''), 'ArrowRight': (39, ''),
        'ArrowDown': (40, ''), 'Home': (36, ''), 'End': (35, '')}


def find():
    """Path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One window of a Chromium of its own, to be entered.

    Attributes
    ----------
    complaints : list of str
        Errors and warnings of its console, and exceptions, since the start.
    """

    def __init__(self):
        self.complaints = []
        self._number, self._rest, self._answers = 0, b'', {}

    def __enter__(self):
        # Its children may still be at it when it is removed.
        self._folder = tempfile.TemporaryDirectory(
            prefix='chromium-', ignore_cleanup_errors=True)
        theirs, self._out = os.pipe()
        self._in, answers = os.pipe()
        # Bash moves the ends to where Chromium looks for them.
        self._process = subprocess.Popen(
            ['bash', '-c', f'exec "$@" 3<&{theirs} 4>&{answers}', 'bash',
             find(), *OPTIONS, f'--user-data-dir={self._folder.name}'],
            pass_fds=(theirs, answers), start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(theirs)
        os.close(answers)
        target = self._ask('Target.createTarget', url='about:blank')
        self._session = self._ask('Target.attachToTarget', flatten=True,
                                  targetId=target['targetId'])['sessionId']
        self._tell = partial(self._ask, sessionId=self._session)
        for domain in ('Page', 'Runtime', 'Log'):
            self._tell(f'{domain}.enable')
        return self

    def __exit__(self, *_):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._folder.cleanup()

    # -- what a person does

    def open(self, page, width=1280, height=900, dark=False):
        """Open a page and wait until all of it is drawn.

        Returns
        -------
        float
            Seconds.
        """
        self.resize(width, height)
        self._tell('Emulation.setEmulatedMedia', features=[
            {'name': 'prefers-color-scheme',
             'value': 'dark' if dark else 'light'}])
        start = time.perf_counter()
        self._tell('Page.navigate', url=page.as_uri())
        self.wait(f'location.href === {json.dumps(page.as_uri())}'
                  ' && document.documentElement?.dataset.ready === "yes"')
        return time.perf_counter() - start

    def resize(self, width, height):
        """Make the window as large as this, in pixels."""
        self._tell('Emulation.setDeviceMetricsOverride', width=width,
                   height=height, deviceScaleFactor=1, mobile=False)

    def run(self, expression):
        """Value of an expression of JavaScript, as JSON has it."""
        answer = self._tell('Runtime.evaluate', expression=expression,
                            returnByValue=True, awaitPromise=True)
        if 'exceptionDetails' in answer:
            raise ValueError(answer['exceptionDetails'])
        return answer['result'].get('value')

    def wait(self, expression):
        """Wait until an expression is true."""
        end = time.monotonic() + HANGS
        while not self.run(expression):
            if time.monotonic() > end:
                raise TimeoutError(f'in {HANGS:.0f} s never: {expression}')
            time.sleep(0.02)

    def press(self, *keys, shift=False):
        """Press keys one after the other, by their names."""
        for key in keys:
            code, text = KEYS.get(key, (ord(key[0].upper()), key))
            told = {'key': key, 'windowsVirtualKeyCode': code,
                    'modifiers': 8 * shift}
            self._tell('Input.dispatchKeyEvent', type='keyDown', text=text,
                       **told)
            self._tell('Input.dispatchKeyEvent', type='keyUp', **told)

    def picture(self, path, whole=False):
        """Write what the window shows, or the whole page, as PNG."""
        answer = self._tell('Page.captureScreenshot',
                            captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(answer['data']))

    def paper(self, path):
        """Write the page as it is printed, as PDF on A4."""
        answer = self._tell('Page.printToPDF', printBackground=True,
                            paperWidth=8.27, paperHeight=11.69)
        path.write_bytes(base64.b64decode(answer['data']))

    # -- messages

    def _ask(self, method, sessionId=None, **parameters):
        self._number += 1
        message = {'id': self._number, 'method': method, 'params': parameters}
        if sessionId is not None:
            message['sessionId'] = sessionId
        os.write(self._out, json.dumps(message).encode() + b'\0')
        end = time.monotonic() + HANGS
        while self._number not in self._answers:
            self._take(end, method)
        answer = self._answers.pop(self._number)
        if 'error' in answer:
            raise ValueError(f'{method}: {answer["error"]}')
        return answer['result']

    def _take(self, end, method):
        ready, _, _ = select.select([self._in], [], [],
                                    max(0.0, end - time.monotonic()))
        found = os.read(self._in, 1 << 20) if ready else b''
        if not found:
            raise TimeoutError(f'{method}: no answer from Chromium')
        *messages, self._rest = (self._rest + found).split(b'\0')
        for message in map(json.loads, messages):
            if 'id' in message:
                self._answers[message['id']] = message
            else:
                self._hear(message['method'], message['params'])

    def _hear(self, method, told):
        if method == 'Runtime.exceptionThrown':
            self.complaints.append(json.dumps(told['exceptionDetails']))
        if method == 'Log.entryAdded' and told['entry']['level'] in (
                'error', 'warning'):
            self.complaints.append(told['entry']['text'])
        if method == 'Runtime.consoleAPICalled' and told['type'] in (
                'error', 'warning', 'assert'):
            self.complaints.append(json.dumps(told['args']))
