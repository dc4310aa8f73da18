"""Which model, which rows: read from code alone."""

from __future__ import annotations

import ast

from nb2prod.candidates.batches import batched
from nb2prod.candidates.clue import Clue, Pair
from nb2prod.candidates.clues import clues


def read(*cells: str) -> dict[str, Clue]:
    return {clue.model: clue for clue in clues((i, ast.parse(cell)) for i, cell in enumerate(cells))}


SPLIT = "X_train, X_test, y_train, y_test = train_test_split(X, y)"


def test_a_fit_names_the_model_and_what_it_learnt_from() -> None:
    found = read("model = Pipeline([])", "model.fit(X_train, y_train)")

    assert found["model"] == Clue(model="model", cell=1, train=(Pair(rows="X_train", labels="y_train"),))


def test_a_metric_pairs_labels_with_the_rows_of_the_prediction() -> None:
    found = read("model.fit(A, b)", "predicted = model.predict(C)", "accuracy_score(d, predicted)")

    assert found["model"].held == (Pair(rows="C", labels="d"),)


def test_plain_labels_are_preferred_to_changed_ones() -> None:
    found = read(
        "m.fit(A, b)",
        "risk = m.predict_proba(C)[:, 1]",
        "roc_auc_score(d == 'yes', risk)",
        "p = m.predict(C)",
        "accuracy_score(d, p)",
    )

    assert found["m"].held[0] == Pair(rows="C", labels="d")


def test_a_split_tells_all_four_roles() -> None:
    found = read(SPLIT, "m = Est().fit(X_train, y_train)")

    assert found["m"].train == (Pair(rows="X_train", labels="y_train"),)
    assert found["m"].held == (Pair(rows="X_test", labels="y_test"),)


def test_rows_may_be_expressions() -> None:
    found = read("m.fit(train[cols], train['price'])", "print(m.score(test[cols], test['price']))")

    assert found["m"].held == (Pair(rows="test[cols]", labels="test['price']"),)
    assert found["m"].names == {"m", "train", "test", "cols"}


def test_a_model_made_by_a_function_is_known_by_its_use() -> None:
    found = read("m = fit_forest(X_train, y_train)", "print(mean_absolute_error(y_test, m.predict(X_test)))")

    assert found["m"].train == (Pair(rows="X_train", labels="y_train"),)
    assert found["m"].held == (Pair(rows="X_test", labels="y_test"),)


def test_the_best_of_a_search_learnt_what_the_search_did() -> None:
    found = read("search = GridSearchCV(est, grid).fit(A, b)", "best = search.best_estimator_", "best.score(C, d)")

    assert found["best"].train == (Pair(rows="A", labels="b"),)
    assert list(found) == ["search", "best"]


def test_models_of_a_loop_are_not_one_model() -> None:
    found = read("for name, est in models.items():\n    est.fit(X_train, y_train)\n    est.score(X_test, y_test)")

    assert found == {"models": Clue(model="models", cell=0, several=True)}


def test_what_is_taken_out_of_them_is_one() -> None:
    loop = "for name, est in models.items():\n    est.fit(X_train, y_train)"
    found = read(
        loop, "scores = {n: m.score(X, y) for n, m in models.items()}", "best = models[max(scores, key=scores.get)]"
    )

    assert list(found) == ["models", "best"]
    assert found["best"].train == (Pair(rows="X_train", labels="y_train"),)


def test_training_rows_judge_nothing() -> None:
    found = read("m.fit(A, b)", "m.score(A, b)", "cross_val_score(m, X, y)")

    assert found["m"].held == ()


def test_locals_of_functions_are_not_models() -> None:
    assert read("def train(X, y):\n    est = Est()\n    est.fit(X, y)\n    return est") == {}


def test_keywords_count_as_well() -> None:
    found = read("m.fit(X=A, y=b)", "accuracy_score(y_true=d, y_pred=m.predict(C))")

    assert found["m"].train == (Pair(rows="A", labels="b"),)
    assert found["m"].held == (Pair(rows="C", labels="d"),)


def test_a_name_that_was_bound_again_is_no_prediction() -> None:
    found = read("m.fit(A, b)", "p = m.predict(C)", "p = other(C)", "accuracy_score(d, p)")

    assert found["m"].held == ()


def test_a_network_is_known_by_its_losses_and_what_its_answers_are_compared_with() -> None:
    found = read(
        "model = Network(16)",
        "loss_of = nn.CrossEntropyLoss()",
        "for epoch in range(9):\n    loss = loss_of(model(A), b)\n    loss.backward()",
        "predicted = model(C).argmax(dim=1)",
        "accuracy = (predicted == d).float().mean()",
    )

    assert found["model"].train == (Pair(rows="A", labels="b"),)
    assert found["model"].held == (Pair(rows="C", labels="d"),)


def test_batches_are_of_what_their_loader_keeps() -> None:
    found = read(
        "model = Network()\nloss_of = nn.MSELoss()\nloader = DataLoader(TensorDataset(A, b), batch_size=9)",
        "for xb, yb in loader:\n    loss = loss_of(model(xb), yb)\n    loss.backward()",
    )
    (pair,) = found["model"].train

    assert pair == Pair(rows=f"{batched('loader')}[0]", labels=f"{batched('loader')}[1]")
    assert found["model"].names == {"model", "loader", "getattr", "list", "__import__"}


def test_a_session_is_given_its_rows_by_name() -> None:
    found = read(
        "clf.fit(A, b)\ngraph = to_onnx(clf, A)",
        "session = InferenceSession(graph)",
        "said = session.run(None, {'X': C})[0]\naccuracy_score(d, said)",
    )

    assert found["session"].held == (Pair(rows="C", labels="d"),)
    assert found["clf"].exported
    assert not found["session"].exported


def test_a_forecast_is_compared_with_what_came() -> None:
    found = read(
        "fitted = SARIMAX(train, exog=known).fit()",
        "ahead = fitted.get_forecast(len(test), exog=later)",
        "mae = mean_absolute_error(test, ahead.predicted_mean)",
    )

    assert found["fitted"].held == (Pair(rows="later", labels="test"),)


def test_a_ranker_says_what_the_queries_are() -> None:
    found = read("m = LGBMRanker()\nm.fit(X_train, y_train, group=group_train)", "scores = m.predict(X_test)")
    (held,) = found["m"].held

    assert found["m"].train == (Pair(rows="X_train", labels="y_train", groups=("group_train",)),)
    assert (held.rows, held.labels, held.groups[0]) == ("X_test", "y_test", "group_test")


def test_a_booster_learns_from_rows_and_labels_in_one() -> None:
    found = read(
        "dtrain = xgb.DMatrix(A, label=b)\ndtest = xgb.DMatrix(C)",
        "booster = xgb.train(params, dtrain, evals=[(dtrain, 'train')])",
        "said = booster.predict(dtest, iteration_range=(0, 3))\nroc_auc_score(d, said)",
    )

    assert found["booster"].train == (Pair(rows="A", labels="b"),)
    assert found["booster"].held == (Pair(rows="C", labels="d"),)
    assert found["booster"].options == (("iteration_range", "(0, 3)"),)


def test_the_queries_of_a_booster_are_told_with_its_rows() -> None:
    found = read("r = lgb.train({}, lgb.Dataset(X_train, y_train, group=group_train))", "ndcg_score(d, r.predict(C))")

    assert found["r"].train == (Pair(rows="X_train", labels="y_train", groups=("group_train",)),)
    assert "group_test" in found["r"].held[0].groups


def test_a_pool_is_rows_and_labels() -> None:
    found = read("train_pool = Pool(A, b)\ntest_pool = Pool(C, d)", "m.fit(train_pool, eval_set=test_pool)")
    later = read("pool = Pool(C, d)", "m.fit(A, b)", "m.score(pool)")

    assert found["m"].train == (Pair(rows="A", labels="b"),)
    assert later["m"].held == (Pair(rows="C", labels="d"),)


def test_what_answers_are_subtracted_from_judges_them() -> None:
    found = read("m = ols('y ~ x', train).fit()", "print((test['y'] - m.predict(test)).abs().mean())")

    assert found["m"].held == (Pair(rows="test", labels="test['y']"),)


def test_parts_that_a_loop_cuts_are_of_a_whole() -> None:
    found = read(
        "model = Network()\nloss_of = MSELoss()",
        "for i in range(0, 9, 3):\n    xb, yb = A[i:i + 3], b[i:i + 3]\n    loss_of(model(xb), yb).backward()",
    )

    assert found["model"].train == (Pair(rows="A", labels="b"),)


def test_a_function_may_train_a_network() -> None:
    found = read(
        "model = Network()\nlearn = DataLoader(a)\njudge = DataLoader(b)",
        "train(model, learn)\naccuracy = evaluate(model, judge)",
    )

    assert found["model"].train == (Pair(rows=f"{batched('learn')}[:-1]", labels=f"{batched('learn')}[-1]"),)
    assert found["model"].held == (Pair(rows=f"{batched('judge')}[:-1]", labels=f"{batched('judge')}[-1]"),)


def test_several_inputs_of_a_network_are_named_together() -> None:
    found = read("model = Network()\nloss_of = MSELoss()", "loss = loss_of(model(u, i), b)\nloss.backward()")

    assert found["model"].train == (Pair(rows="(u, i)", labels="b"),)


def test_names_of_a_comprehension_are_no_models() -> None:
    assert read("scores = [m.score(C, d) for m in models]") == {}


def test_what_a_script_or_a_graph_is_made_from_is_known() -> None:
    found = read("net.fit(A, b)\nfast = torch.jit.script(net.eval())", "clf.fit(A, b)\nonx = convert_sklearn(clf)")

    assert [found["net"].exported, found["clf"].exported] == [True, True]


def test_a_measure_by_hand_pairs_labels_with_predictions() -> None:
    found = read("m.fit(A, b)", "p = m.predict(C)", "print(np.sqrt(((p - d['price']) ** 2).mean()))")

    assert found["m"].held == (Pair(rows="C", labels="d['price']"),)


def test_what_a_model_says_beside_another_is_no_label() -> None:
    assert read("m.fit(A, b)", "n.fit(A, b)", "(m.predict(C) - n.predict(C)).mean()")["m"].held == ()


def test_labels_are_those_a_model_learnt_where_its_answers_are_turned_back() -> None:
    ways = {
        "m.fit(A, np.log1p(b))": "mean_absolute_error(d, np.expm1(m.predict(C)))",
        "low = np.log1p(b); m.fit(A, low)": "p = np.expm1(m.predict(C)); print(np.abs(p - d).mean())",
    }
    for fit, judge in ways.items():
        assert read(*fit.split("; "), judge)["m"].held[0] == Pair(rows="C", labels="np.log1p(d)")

    both = read("m.fit(A, b)", "mean_absolute_error(np.exp(d), np.exp(m.predict(C)))")

    assert both["m"].held[0] == Pair(rows="C", labels="d")


def test_the_best_that_a_loop_keeps_is_the_model_and_not_the_last() -> None:
    loop = "best, top = 0, None\nfor c in costs:\n    m = SVC(C=c).fit(A, b)\n    score = m.score(C, d)\n"
    found = read(loop + "    if score > best:\n        best, top = score, m")

    assert list(found) == ["top"]
    assert (found["top"].train, found["top"].held) == ((Pair(rows="A", labels="b"),), (Pair(rows="C", labels="d"),))


def test_models_that_a_loop_puts_away_are_not_the_last_one() -> None:
    loop = "for name, est in kinds.items():\n    p = make_pipeline(est)\n    p.fit(A, b)\n    kept[name] = p\n"
    found = read(loop + "    scores[name] = p.score(C, d)", "model = kept['a']")

    assert [name for name, clue in found.items() if not clue.several] == ["model"]
    assert found["model"].held == (Pair(rows="C", labels="d"),)


def test_a_model_that_functions_make_and_judge_is_known() -> None:
    found = read("m = fit_it(A, b)", "report(m, C, d)")

    assert (found["m"].train, found["m"].held) == ((Pair(rows="A", labels="b"),), (Pair(rows="C", labels="d"),))
