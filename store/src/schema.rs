//! The one schema of both databases. Columns are Text, Binary, BigInt and Bool only; a test
//! compares it with what the migrations of either database make.

diesel::table! {
    node_state (name) {
        name -> Text,
        value -> Text,
    }
}

diesel::table! {
    audit_rows (seq) {
        seq -> BigInt,
        at -> BigInt,
        actor -> Text,
        organization -> Text,
        action -> Text,
        object -> Text,
        outcome -> Text,
        before -> Text,
        after -> Text,
        previous_hash -> Binary,
        hash -> Binary,
    }
}

diesel::table! {
    audit_addresses (mark) {
        mark -> Text,
        period -> Text,
        address -> Text,
    }
}

diesel::table! {
    outbox (id) {
        id -> Text,
        kind -> Text,
        target -> Text,
        ordering_key -> Text,
        payload -> Binary,
        created_at -> BigInt,
        due_at -> BigInt,
        attempts -> BigInt,
        last_error -> Text,
        put_off_since -> Nullable<BigInt>,
        urgent -> Bool,
    }
}

diesel::table! {
    number_series (series) {
        series -> Text,
        last_number -> BigInt,
    }
}

diesel::table! {
    organizations (uscc) {
        uscc -> Text,
        name_zh -> Text,
        name_en -> Text,
        division -> Text,
        kind -> Text,
        created_at -> BigInt,
    }
}

diesel::table! {
    users (id) {
        id -> Text,
        login -> Text,
        organization -> Text,
        display_name -> Text,
        password_hash -> Text,
        disabled -> Bool,
        created_at -> BigInt,
    }
}

diesel::table! {
    user_mailboxes (user_id) {
        user_id -> Text,
        address -> Text,
        set_at -> BigInt,
    }
}

diesel::table! {
    user_roles (user_id, role) {
        user_id -> Text,
        role -> Text,
    }
}

diesel::table! {
    sessions (id_hash) {
        id_hash -> Binary,
        user_id -> Text,
        csrf_secret -> Binary,
        created_at -> BigInt,
        seen_at -> BigInt,
        second_step -> Bool,
    }
}

diesel::table! {
    api_tokens (id) {
        id -> Text,
        user_id -> Text,
        token_hash -> Binary,
        label -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    token_roles (token_id, role) {
        token_id -> Text,
        role -> Text,
    }
}

diesel::table! {
    given_passwords (user_id) {
        user_id -> Text,
        given_at -> BigInt,
    }
}

diesel::table! {
    second_factors (user_id) {
        user_id -> Text,
        secret -> Binary,
        last_step -> BigInt,
        confirmed_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    recovery_codes (user_id, code_hash) {
        user_id -> Text,
        code_hash -> Binary,
    }
}

diesel::table! {
    known_devices (id_hash) {
        id_hash -> Binary,
        user_id -> Text,
        seen_at -> BigInt,
    }
}

diesel::table! {
    login_throttles (subject) {
        subject -> Text,
        failures -> BigInt,
        retry_at -> BigInt,
    }
}

diesel::table! {
    logs (origin) {
        origin -> Text,
        node -> Text,
        generation -> BigInt,
        own -> Bool,
        log_key -> Text,
        size -> BigInt,
        root -> Binary,
        checkpoint_size -> BigInt,
        checkpoint -> Text,
        checkpoint_at -> BigInt,
        confirmed_at -> BigInt,
        folded_size -> BigInt,
        entry_bytes -> BigInt,
    }
}

diesel::table! {
    log_tiles (origin, level, number) {
        origin -> Text,
        level -> BigInt,
        number -> BigInt,
        width -> BigInt,
        bytes -> Binary,
    }
}

diesel::table! {
    members (node) {
        node -> Text,
        origin -> Text,
        division -> Text,
        level -> Text,
        name_zh -> Text,
        name_en -> Text,
        identity_key -> Text,
        log_key -> Text,
        witness_key -> Text,
        seal_key -> Text,
        addresses -> Text,
        public_url -> Text,
        quota_bytes -> BigInt,
        status -> Text,
        changes -> Text,
        admitted_by -> Text,
        admitted_index -> BigInt,
    }
}

diesel::table! {
    member_pasts (node) {
        node -> Text,
        past -> Text,
    }
}

diesel::table! {
    catalog_objects (object_key) {
        object_key -> Text,
        kind -> Text,
        name -> Text,
        parent -> Text,
        origin -> Text,
        last_index -> BigInt,
        state -> Text,
        state_hash -> Binary,
    }
}

diesel::table! {
    catalog_changes (number) {
        number -> Text,
        seq -> BigInt,
    }
}

diesel::table! {
    catalog_products (number) {
        number -> Text,
        origin -> Text,
        node -> Text,
        division -> Text,
        authorization_number -> Text,
        form -> Text,
        sector -> Text,
        field -> Text,
        grade -> Text,
        purpose -> Text,
        charge -> Text,
        price_from_micro -> Nullable<BigInt>,
        name_zh -> Text,
        name_en -> Text,
        summary_zh -> Text,
        summary_en -> Text,
        operator_uscc -> Text,
        operator_name_zh -> Text,
        operator_name_en -> Text,
        status -> Text,
        status_code -> Text,
        status_reason -> Text,
        usable_until -> BigInt,
        registered_at -> BigInt,
        updated_at -> BigInt,
        synthetic -> Bool,
        origin_index -> BigInt,
    }
}

diesel::table! {
    catalog_counts (form, sector, division, node, field, charge, status) {
        form -> Text,
        sector -> Text,
        division -> Text,
        node -> Text,
        field -> Text,
        charge -> Text,
        status -> Text,
        listings -> BigInt,
    }
}

diesel::table! {
    catalog_terms (term, number) {
        term -> Text,
        number -> Text,
        weight -> BigInt,
    }
}

diesel::table! {
    catalog_unindexed (number) {
        number -> Text,
    }
}

diesel::table! {
    catalog_parties (party_uscc, product) {
        party_uscc -> Text,
        product -> Text,
    }
}

diesel::table! {
    catalog_unshared (product) {
        product -> Text,
    }
}

diesel::table! {
    forks (origin, log_key) {
        origin -> Text,
        log_key -> Text,
        evidence -> Text,
        told_by -> Text,
        told_index -> BigInt,
        known_at -> BigInt,
        told_here -> Bool,
    }
}

diesel::table! {
    tails (origin) {
        origin -> Text,
        note -> Text,
        proof -> Binary,
    }
}

diesel::table! {
    kept_heads (origin, size, root) {
        origin -> Text,
        size -> BigInt,
        root -> Text,
        note -> Text,
        submitted -> Bool,
    }
}

diesel::table! {
    log_folds (origin) {
        origin -> Text,
        version -> BigInt,
    }
}

diesel::table! {
    unfolded_entries (awaiting, origin, entry_index) {
        awaiting -> Bool,
        origin -> Text,
        entry_index -> BigInt,
        kind -> Text,
        code -> Text,
        reason -> Text,
    }
}

diesel::table! {
    subscriptions (id, side) {
        id -> Text,
        side -> Text,
        home_node -> Text,
        provider_node -> Text,
        product -> Text,
        plan -> Text,
        purpose -> Text,
        purpose_note -> Text,
        buyer_uscc -> Text,
        buyer_name -> Text,
        provider_uscc -> Text,
        state -> Text,
        reason_code -> Text,
        reason_text -> Text,
        ended_by -> Text,
        negotiation -> Text,
        agreement -> Text,
        agreement_hash -> Binary,
        requested_at -> BigInt,
        starts_at -> Nullable<BigInt>,
        ends_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        fees_end_at -> Nullable<BigInt>,
        updated_at -> BigInt,
        sent_seq -> BigInt,
        received_seq -> BigInt,
    }
}

diesel::table! {
    unfollowed_products (product) {
        product -> Text,
    }
}

diesel::table! {
    sealed_messages (id) {
        id -> Text,
        process -> Text,
        side -> Text,
        direction -> Text,
        seq -> BigInt,
        kind -> Text,
        bytes -> Binary,
        at -> BigInt,
        place -> BigInt,
    }
}

diesel::table! {
    parked_letters (id) {
        id -> Text,
        kind -> Text,
        target -> Text,
        ordering_key -> Text,
        payload -> Binary,
        created_at -> BigInt,
        attempts -> BigInt,
        parked_at -> BigInt,
        code -> Text,
        text -> Text,
    }
}

diesel::table! {
    unlike_copies (process, side) {
        process -> Text,
        side -> Text,
        node -> Text,
        code -> Text,
        text -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    access_keys (id, side) {
        id -> Text,
        side -> Text,
        subscription -> Text,
        label -> Text,
        prefix -> Text,
        key_hash -> Binary,
        state -> Text,
        created_at -> BigInt,
        expires_at -> BigInt,
        revoked_at -> Nullable<BigInt>,
    }
}

diesel::table! {
    usage_events (gateway, seq) {
        gateway -> Text,
        seq -> BigInt,
        subscription -> Text,
        product -> Text,
        operation -> Text,
        at -> BigInt,
        day -> Text,
        request_id -> Text,
        key_id -> Text,
        outcome -> Text,
        units -> BigInt,
    }
}

diesel::table! {
    idempotent_answers (subscription, idempotency_key) {
        subscription -> Text,
        idempotency_key -> Text,
        body_hash -> Binary,
        status -> BigInt,
        answer -> Binary,
        seq -> BigInt,
        at -> BigInt,
    }
}

diesel::table! {
    recalled_usage (gateway, seq) {
        gateway -> Text,
        seq -> BigInt,
        subscription -> Text,
        day -> Text,
        operation -> Text,
        calls -> BigInt,
        units -> BigInt,
        report_hash -> Binary,
    }
}

diesel::table! {
    left_out (node, kind, object) {
        node -> Text,
        kind -> Text,
        object -> Text,
        code -> Text,
        at -> BigInt,
    }
}

diesel::table! {
    recalled_reports (report_hash) {
        report_hash -> Binary,
        subscription -> Text,
        home_node -> Text,
        sealed -> Binary,
        recalled_at -> BigInt,
    }
}

diesel::table! {
    usage_days (subscription, day, operation) {
        subscription -> Text,
        day -> Text,
        operation -> Text,
        calls -> BigInt,
        units -> BigInt,
        last_seq -> BigInt,
    }
}

diesel::table! {
    usage_months (subscription, period) {
        subscription -> Text,
        period -> Text,
        calls -> BigInt,
        units -> BigInt,
        last_seq -> BigInt,
    }
}

diesel::table! {
    usage_report_days (subscription, day, operation) {
        subscription -> Text,
        day -> Text,
        operation -> Text,
        calls -> BigInt,
        units -> BigInt,
    }
}

diesel::table! {
    usage_reports (subscription) {
        subscription -> Text,
        as_of -> BigInt,
        received_at -> BigInt,
        last_seq -> BigInt,
        sealed -> Binary,
        recounted_at -> Nullable<BigInt>,
        recounted_before -> Nullable<BigInt>,
        recounted_now -> Nullable<BigInt>,
        fallen -> Nullable<Binary>,
    }
}

diesel::table! {
    asked_subjects (period, buyer, product, subject_hash) {
        period -> Text,
        buyer -> Text,
        product -> Text,
        subject_hash -> Binary,
        mismatches -> BigInt,
    }
}

diesel::table! {
    subject_secrets (period) {
        period -> Text,
        secret -> Binary,
    }
}

diesel::table! {
    buyer_months (buyer, product, period) {
        buyer -> Text,
        product -> Text,
        period -> Text,
        calls -> BigInt,
        included -> BigInt,
        subjects -> BigInt,
        mismatches -> BigInt,
    }
}

diesel::table! {
    datasets (product, operation) {
        product -> Text,
        operation -> Text,
        engine -> Text,
        definition -> Text,
        version -> BigInt,
        row_count -> BigInt,
        synthetic -> Bool,
        source_hash -> Binary,
        loaded_at -> BigInt,
        smallest_cell -> BigInt,
    }
}

diesel::table! {
    withheld_rows (product, operation, version, row_key, row_number) {
        product -> Text,
        operation -> Text,
        version -> BigInt,
        row_key -> Text,
        row_number -> BigInt,
    }
}

diesel::table! {
    dataset_rows (product, operation, version, row_key, row_number) {
        product -> Text,
        operation -> Text,
        version -> BigInt,
        row_key -> Text,
        row_number -> BigInt,
        cells -> Text,
    }
}

diesel::table! {
    periods (period) {
        period -> Text,
        state -> Text,
        event_to -> BigInt,
        ingest_to -> BigInt,
        closed_at -> BigInt,
        closed_by -> Text,
        statement_count -> BigInt,
        calls -> BigInt,
        total_fen -> BigInt,
        result_hash -> Binary,
        log_index -> BigInt,
    }
}

diesel::table! {
    closings (period) {
        period -> Text,
        attempt -> Text,
        begun_at -> BigInt,
        begun_by -> Text,
        ingest_to -> BigInt,
        done -> BigInt,
        total -> BigInt,
    }
}

diesel::table! {
    close_subjects (period, subscription) {
        period -> Text,
        subscription -> Text,
        subject -> Text,
    }
}

diesel::table! {
    close_drafts (period, position) {
        period -> Text,
        position -> BigInt,
        kind -> Text,
        document -> Text,
        document_hash -> Binary,
    }
}

diesel::table! {
    published_files (file_hash, published_by) {
        file_hash -> Text,
        published_by -> Text,
        published_at -> BigInt,
        published -> Text,
    }
}

diesel::table! {
    recalled_statements (number) {
        number -> Text,
        period -> Text,
        home_node -> Text,
        document -> Text,
        statement_hash -> Binary,
        recalled_at -> BigInt,
    }
}

diesel::table! {
    statements (number, side) {
        number -> Text,
        side -> Text,
        period -> Text,
        subscription -> Text,
        product -> Text,
        plan -> Text,
        home_node -> Text,
        provider_node -> Text,
        buyer_uscc -> Text,
        buyer_name -> Text,
        provider_uscc -> Text,
        currency -> Text,
        total_fen -> BigInt,
        state -> Text,
        issued_at -> BigInt,
        statement_hash -> Binary,
        document -> Text,
        sealed -> Binary,
        countersigned -> Nullable<Binary>,
    }
}

diesel::table! {
    waiting_statements (number) {
        number -> Text,
        state -> Text,
        subscription -> Text,
        period -> Text,
        provider_node -> Text,
        document -> Text,
        statement_hash -> Binary,
        sealed -> Binary,
        sealed_at -> BigInt,
        received_at -> BigInt,
        difference -> Text,
        decided_at -> Nullable<BigInt>,
        decided_by -> Nullable<Text>,
        note -> Nullable<Text>,
        said_at -> BigInt,
    }
}

diesel::table! {
    statement_objections (number) {
        number -> Text,
        document -> Text,
        sealed -> Binary,
        sealed_at -> BigInt,
    }
}

diesel::table! {
    statement_lines (statement, side, line) {
        statement -> Text,
        side -> Text,
        line -> BigInt,
        kind -> Text,
        operation -> Text,
        quantity -> BigInt,
        price_micro -> BigInt,
        amount_fen -> BigInt,
        explanation -> Text,
    }
}

diesel::table! {
    allocations (side, period, product, party_uscc) {
        side -> Text,
        period -> Text,
        product -> Text,
        agreement -> Text,
        party_uscc -> Text,
        party_name -> Text,
        role -> Text,
        provider_node -> Text,
        base_fen -> BigInt,
        amount_fen -> BigInt,
        explanation -> Text,
    }
}

diesel::table! {
    split_documents (side, period, product, agreement) {
        side -> Text,
        period -> Text,
        product -> Text,
        agreement -> Text,
        provider_node -> Text,
        base_fen -> BigInt,
        issued_at -> BigInt,
        document_hash -> Binary,
        document -> Text,
        sealed -> Binary,
        base_from_fen -> Nullable<BigInt>,
        base_to_fen -> Nullable<BigInt>,
        made_in -> Nullable<Text>,
    }
}

diesel::table! {
    line_recipients (party_uscc, node) {
        party_uscc -> Text,
        node -> Text,
        named_at -> BigInt,
        named_by -> Text,
        waits -> Bool,
        sent_period -> Text,
        sent_product -> Text,
    }
}

diesel::table! {
    sent_copies (party_uscc, node, period, product) {
        party_uscc -> Text,
        node -> Text,
        period -> Text,
        product -> Text,
        document_hash -> Binary,
        sent_at -> BigInt,
        countersigned -> Nullable<Binary>,
    }
}

diesel::table! {
    received_copies (from_node, party_uscc, period, product) {
        from_node -> Text,
        party_uscc -> Text,
        period -> Text,
        product -> Text,
        received_at -> BigInt,
        document_hash -> Binary,
        document -> Text,
        sealed -> Binary,
    }
}

diesel::table! {
    parked (parked_in, period, kind, subject) {
        parked_in -> Text,
        period -> Text,
        kind -> Text,
        subject -> Text,
        reason -> Text,
        detail -> Text,
        billed_to -> Nullable<BigInt>,
        base_fen -> BigInt,
        by_operator -> Text,
        resolved_in -> Text,
    }
}

diesel::table! {
    split_receipts (side, period, product, node) {
        side -> Text,
        period -> Text,
        product -> Text,
        node -> Text,
        sealed -> Binary,
    }
}

diesel::table! {
    ledger_accounts (account) {
        account -> Text,
        kind -> Text,
        currency -> Text,
        party_uscc -> Text,
        debits_fen -> BigInt,
        credits_fen -> BigInt,
        opened_at -> BigInt,
    }
}

diesel::table! {
    ledger_transfers (id) {
        id -> Text,
        seq -> BigInt,
        period -> Text,
        at -> BigInt,
        debit_account -> Text,
        credit_account -> Text,
        amount_fen -> BigInt,
        currency -> Text,
        reason -> Text,
        reference -> Text,
    }
}

diesel::table! {
    witnessed (origin) {
        origin -> Text,
        origin_hash -> Text,
        size -> BigInt,
        root -> Binary,
        seconds -> BigInt,
        note -> Text,
    }
}

diesel::table! {
    settled (origin) {
        origin -> Text,
        size -> BigInt,
        note -> Text,
        settled_at -> BigInt,
    }
}

diesel::table! {
    member_entries (origin, entry_index) {
        origin -> Text,
        entry_index -> BigInt,
        node -> Text,
    }
}

diesel::table! {
    announced_heads (origin) {
        origin -> Text,
        size -> BigInt,
    }
}

diesel::table! {
    peer_versions (node) {
        node -> Text,
        version -> Text,
    }
}

diesel::joinable!(users -> organizations (organization));
diesel::joinable!(user_mailboxes -> users (user_id));
diesel::joinable!(user_roles -> users (user_id));
diesel::joinable!(sessions -> users (user_id));
diesel::joinable!(api_tokens -> users (user_id));
diesel::joinable!(token_roles -> api_tokens (token_id));
diesel::joinable!(given_passwords -> users (user_id));
diesel::joinable!(second_factors -> users (user_id));
diesel::joinable!(recovery_codes -> users (user_id));
diesel::joinable!(log_tiles -> logs (origin));

diesel::allow_tables_to_appear_in_same_query!(
    node_state,
    left_out,
    audit_addresses,
    audit_rows,
    outbox,
    number_series,
    organizations,
    users,
    user_mailboxes,
    user_roles,
    sessions,
    api_tokens,
    token_roles,
    given_passwords,
    second_factors,
    recovery_codes,
    known_devices,
    login_throttles,
    logs,
    log_tiles,
    members,
    member_pasts,
    catalog_objects,
    catalog_products,
    catalog_changes,
    catalog_counts,
    catalog_terms,
    forks,
    catalog_unindexed,
    catalog_parties,
    catalog_unshared,
    tails,
    kept_heads,
    unfolded_entries,
    log_folds,
    subscriptions,
    unfollowed_products,
    sealed_messages,
    unlike_copies,
    parked_letters,
    access_keys,
    usage_events,
    recalled_usage,
    recalled_reports,
    idempotent_answers,
    usage_days,
    usage_months,
    usage_report_days,
    usage_reports,
    asked_subjects,
    subject_secrets,
    buyer_months,
    datasets,
    dataset_rows,
    withheld_rows,
    periods,
    closings,
    close_subjects,
    close_drafts,
    published_files,
    recalled_statements,
    statements,
    waiting_statements,
    statement_objections,
    statement_lines,
    allocations,
    split_documents,
    parked,
    split_receipts,
    line_recipients,
    sent_copies,
    received_copies,
    ledger_accounts,
    ledger_transfers,
    witnessed,
    settled,
);
