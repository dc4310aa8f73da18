"""KubernetesTarget: a release as manifests, for `kubectl apply` or whatever keeps a cluster as a repository says."""

from __future__ import annotations

import shlex
from pathlib import Path

from nb2prod.releases.release import Release
from nb2prod.targets import manifests
from nb2prod.targets.delivery import Delivery, Wanted


class KubernetesTarget:
    """Writes one file a manifest; the image is the container target's."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def deliver(self, made: Release, folder: Path, wanted: Wanted) -> Delivery:
        """Write the manifests."""
        import yaml

        found = manifests.documents(made, wanted)
        for name, document in found.items():
            text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
            (folder / name).write_text(text, encoding="utf-8")
        image, secret = wanted.image or made.bento, manifests.secret_of(made, wanted)
        where = f" -n {shlex.quote(wanted.namespace)}" if wanted.namespace else ""
        return Delivery(
            release=made.id,
            target="kubernetes",
            folder=str(folder),
            files=tuple(found),
            image=image,
            next=(
                f"nb2prod deploy {made.id} --target container --image {image}, and push it to where the cluster pulls",
                f"kubectl create secret generic {secret} --from-file=keys=FILE{where}",
                f"kubectl apply -f {shlex.quote(str(folder))}{where}",
            ),
        )
