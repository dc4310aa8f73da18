"""BentoCloudTarget: a release as BentoCloud takes it: the Bento in a store, and what `bentoml deploy` reads."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from nb2prod.bundle import bento
from nb2prod.releases import release
from nb2prod.releases.release import Release
from nb2prod.targets import manifests
from nb2prod.targets.delivery import Delivery, Wanted

CONFIG = "deployment.yaml"


class BentoCloudTarget:
    """Imports the Bento and writes a deployment's configuration; logging in and deploying are the user's."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def deliver(self, made: Release, folder: Path, wanted: Wanted) -> Delivery:
        """Write the configuration."""
        import yaml

        archive = release.folder_of(self.home, made.id) / made.archive
        bento.import_bento(archive, made.bento, home=bento.user_home())
        text = yaml.safe_dump(configuration(made, wanted), sort_keys=False)
        (folder / CONFIG).write_text(text, encoding="utf-8")
        secret = manifests.secret_of(made, wanted)
        return Delivery(
            release=made.id,
            target="bentocloud",
            folder=str(folder),
            files=(CONFIG,),
            next=(
                "bentoml cloud login",
                f"bentoml secret create {secret} SERVICE_API_KEYS=KEY",
                f"bentoml deploy -f {shlex.quote(str(folder / CONFIG))}",
            ),
        )


def configuration(made: Release, wanted: Wanted) -> dict[str, Any]:
    """Write what `bentoml deploy -f` reads.

    The keys of the service come as a secret; BentoCloud's own check of who asks stands before it.
    """
    name = made.bento.partition(":")[0]
    return {
        "name": manifests.name_of(made),
        "bento": made.bento,
        "access_authorization": True,
        "secrets": [manifests.secret_of(made, wanted)],
        "envs": [{"name": "SERVICE_RELEASE", "value": made.id}],
        "labels": [{"key": "nb2prod-release", "value": made.id}],
        "services": {name: {"scaling": {"min_replicas": wanted.replicas, "max_replicas": wanted.most}}},
    }
