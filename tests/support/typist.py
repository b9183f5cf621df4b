"""Runs a command at a terminal of its own and types answers. usage: typist.py [[PROMPT, ANSWER], ...] COMMAND...

Each answer is typed once its prompt is seen. A control character, such as Ctrl-C, is typed as it stands; null closes the terminal.
Prints all that the terminal showed, and ends as the command did.
"""
import json, os, pty, select, sys

pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
shown, seen = b"", 0


def read():
    """More of what is shown, or nothing at the end."""
    global shown
    if not select.select([terminal], [], [], 30)[0]:
        sys.exit("nothing more is shown after:\n" + shown.decode())
    try:
        more = os.read(terminal, 4096)
    except OSError:  # the other side is closed
        more = b""
    shown += more
    return more


for prompt, answer in json.loads(sys.argv[1]):
    while (at := shown.find(prompt.encode(), seen)) < 0:
        if not read():
            sys.exit(f"no {prompt!r} in:\n" + shown.decode())
    seen = at + len(prompt)
    if answer is None:
        os.close(terminal)
        terminal = None
        break
    os.write(terminal, answer.encode() + (b"" if answer and answer < " " else b"\n"))
while terminal is not None and read():
    pass
sys.stdout.write(shown.decode().replace("\r\n", "\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
