"""Brings the hashes of bundle.json up to date after an edit: from then on it is a version of its own."""

import hashlib
import json
import pathlib

PROJECT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("runtime", "state", "golden", "modules", "data")


def main():
    manifest = json.loads((PROJECT / "bundle.json").read_text(encoding="utf-8"))
    files = [PROJECT / "service.py"]
    for folder in FOLDERS:
        files += [path for path in (PROJECT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    manifest["files"] = {
        path.relative_to(PROJECT).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)
    }
    manifest.pop("whole", None)
    text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (PROJECT / "bundle.json").write_text(text, encoding="utf-8")
    print(f"sealed {len(files)} files")


if __name__ == "__main__":
    main()
