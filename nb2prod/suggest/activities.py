"""Activity: a kind of work that cells do, and the words and calls by which it is recognised."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{'|'.join(text.split())})\Z")


def _starts(text: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(text.split())})", re.IGNORECASE)


@frozen(kw_only=True)
class Activity:
    """One kind of work; its name is a stage's usual name."""

    name: str
    verb: str  # as in «its cells load data»
    calls: re.Pattern[str] = field(converter=_pattern)  # names of functions and methods, without what stands before
    words: re.Pattern[str] = field(converter=_starts)
    weight: float = 1.0  # how much one call tells
    opens: float = 0.3  # how much it speaks for a cut where this work begins


# In the order in which a pipeline does them.
ACTIVITIES = (
    Activity(
        name="load",
        verb="load data",
        calls="""
            read read_[a-z]+ load loads load_(?!ext)[a-z_0-9]+ loadtxt loadmat loadarff genfromtxt fetch_[a-z_0-9]+
            fetch_?[a-z]* get_data[a-z_]* get_rdataset load_dataset
            make_(?:blobs|moons|circles|classification|regression|swiss_roll|s_curve|gaussian_quantiles|friedman[123])
            urlopen urlretrieve imread open_dataset ImageFolder DataReader
        """,
        words=r"""
            load read ingest import(?:ing)?.the.data download acqui collect the.data(?:set)?$ data(?:set)?s?$
            get(?:ting)?.(?:the.)?data generat\w*.(?:the.|some.|toy.|synthetic.)*data
            data.(?:load|import|generat|acqui)
        """,
        weight=3,
        opens=0.35,
    ),
    Activity(
        name="explore",
        verb="explore the data",
        calls="describe info value_counts pairplot corr crosstab nunique isnull isna",
        words="explor eda overview inspect summary.stat descripti understand look.at first.look",
        weight=0.5,
        opens=0.2,
    ),
    Activity(
        name="clean",
        verb="clean data",
        calls="""
            dropna fillna drop_duplicates interpolate ffill bfill clean[a-z_]* preprocess[a-z_]* to_numeric
            to_datetime remove_[a-z_]+ replace rename
        """,
        words="clean missing outlier pre-?process prepar tidy wrangl munging data.processing imput impute",
        weight=1.5,
        opens=0.3,
    ),
    Activity(
        name="features",
        verb="make features",
        calls="""
            get_dummies fit_transform transform[a-z_]* cut qcut merge join pivot_table TfidfVectorizer factorize
            [a-z_]*_features? add_[a-z_]+ encode[a-z_]* tokenize[a-z_]* normalize standardize scale
        """,
        words="feature encod transform normaliz standardi[sz] scaling dimension engineer new.variab",
        weight=1,
        opens=0.3,
    ),
    Activity(
        name="split",
        verb="split the data",
        calls="train_test_split random_split split_[a-z_]+ train_val_split TimeSeriesSplit",
        words="split train.test test.train hold-?out",
        weight=3,
        opens=0.3,
    ),
    Activity(
        name="train",
        verb="fit a model",
        calls="""
            fit partial_fit fit_generator train train_[a-z_]+ fit_[a-z]+(?<!transform)(?<!predict) compile fmin
            minimize curve_fit GridSearchCV RandomizedSearchCV ols glm
        """,
        words=r"""
            train fit(?:ting)?\b model(?:l?ing)? classif regress estimat learn algorithm hyper-?param optimi[sz]
            ml$ machine.learning cluster
        """,
        weight=3,
        opens=0.45,
    ),
    Activity(
        name="evaluate",
        verb="evaluate",
        calls="""
            predict predict_proba score evaluate[a-z_]* eval cross_val_[a-z]+ [a-z0-9_]+_score confusion_matrix
            classification_report roc_curve precision_recall_curve mean_(?:squared|absolute)[a-z_]*error
            from_predictions from_estimator get_prediction forecast accuracy validate test_[a-z_]+
        """,
        words=r"""
            evaluat test(?:ing)?\b metric performance result score validat predict accuracy forecast compar
            diagnos
        """,
        weight=2.5,
        opens=0.4,
    ),
    Activity(
        name="plot",
        verb="draw figures",
        calls="""
            plot[a-z_]* scatter[a-z]* hist[a-z]* imshow show subplots figure FacetGrid barh? boxplot violinplot
            heatmap catplot relplot displot lmplot jointplot contourf? lineplot
        """,
        words="plot visuali[sz] figure chart graph draw",
        weight=0.6,
        opens=0.15,
    ),
    Activity(
        name="save",
        verb="write results",
        calls="""
            to_csv to_parquet to_json to_excel to_sql to_pickle dump save savetxt savez save_[a-z_]+ write_[a-z_]+
            export[a-z_]*
        """,
        words="sav(?:e|ing) export writ submission submit persist store",
        weight=2,
        opens=0.3,
    ),
)

# Estimators that prepare data: fitting them is no training.
PREPARES = re.compile(
    r"\w*(?:Scaler|Encoder|Imputer|Vectorizer|Transformer|Binarizer|Discretizer|Selector|Tokenizer|PCA)\Z"
)

# Calls that configure the session and leave no result.
CONFIGURES = re.compile(
    r"(?:use|set|set_[a-z_]+|update|seed|manual_seed|filterwarnings|simplefilter|register_[a-z_]+|basicConfig|rc|reset_[a-z_]+|"
    r"print|run_line_magic|system|getoutput|run_cell_magic|get_ipython|use_inf_as_na|init_printing|default_rng|display|"
    r"list_physical_devices|insert|append|getLogger|setLevel|device|is_available|chdir|getcwd|Path|join|dirname|abspath|"
    r"makedirs|mkdir|exists)\Z"
)

# A cell with one of these above it holds what may be set from outside.
PARAMETERS = re.compile(
    r"\b(?:hyper-?)?param|\bconfig|\bsettings\b|\bconstants?\b|\bvariables\b|\boptions\b", re.IGNORECASE
)


def of_calls(names: Iterable[str]) -> dict[str, float]:
    """Weigh the activities that calls of these names speak for."""
    found: dict[str, float] = {}
    for name in names:
        for activity in ACTIVITIES:
            if activity.calls.match(name):
                found[activity.name] = found.get(activity.name, 0) + activity.weight
                break
    return found


def of_words(text: str) -> str | None:
    """Return the activity that a heading or a comment names, if any; the earliest word counts."""
    found = [(match.start(), a.name) for a in ACTIVITIES if (match := a.words.search(text))]
    return min(found)[1] if found else None


def named(name: str) -> Activity:
    """Return an activity by its name."""
    return next(activity for activity in ACTIVITIES if activity.name == name)
