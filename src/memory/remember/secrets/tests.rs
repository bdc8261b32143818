//! What is taken for a secret, and what only speaks of one.

use super::*;

/// A key that no scanner of source files takes for one.
fn made(prefix: &str, length: usize, alphabet: &str) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let drawn = (0..length).map(|at| letters[(at * 7 + at / 3 + 5) % letters.len()]);
    prefix.chars().chain(drawn).collect()
}

const MIXED: &str = "aB3xK9qLz7Rw2TnY5vMc8HdJ";
const HEX: &str = "0a1b2c3d4e5f6789";

#[test]
fn keys_are_known_by_their_format() {
    for (key, what) in [
        (made("AKIA", 16, "A2B3C4D5E6F7"), "an AWS access key"),
        (made("ghp_", 36, MIXED), "a GitHub token"),
        (made("github_pat_", 60, MIXED), "a GitHub token"),
        (made("glpat-", 20, MIXED), "a GitLab token"),
        (made("xoxb-1234567890-", 24, MIXED), "a Slack token"),
        (made("sk-", 48, MIXED), "an OpenAI key"),
        (made("sk-proj-", 60, MIXED), "an OpenAI key"),
        (made("sk-ant-api03-", 80, MIXED), "an Anthropic key"),
        (made("AIza", 35, MIXED), "a Google key"),
        (made("sk_live_", 24, MIXED), "a Stripe key"),
        (made("npm_", 36, MIXED), "an npm token"),
        (made("pypi-", 60, MIXED), "a PyPI token"),
        (made("hf_", 34, MIXED), "a Hugging Face token"),
        (made("dop_v1_", 64, HEX), "a DigitalOcean token"),
        (
            format!(
                "{}.{}.{}",
                made("eyJ", 20, MIXED),
                made("eyJ", 40, MIXED),
                made("", 43, MIXED)
            ),
            "a signed token (JWT)",
        ),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE".to_owned(),
            "a private key",
        ),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----".to_owned(),
            "a private key",
        ),
    ] {
        for text in [
            key.clone(),
            format!("The key is `{key}`."),
            format!("KEY={key}"),
            format!("(\"{key}\")"),
        ] {
            assert_eq!(found(&text), Some(what), "{text}");
        }
    }
}

#[test]
fn what_only_looks_like_a_key_is_none() {
    for text in [
        "AWS access keys begin with AKIA and 16 characters",
        "Tokens that begin with ghp_ are refused by the hook",
        "sk-learn is pinned to 1.4.2",
        "The branch is sk-fix-the-very-long-name-of-a-branch-2",
        "fixed in 1f0c3a9b2e4d5f60718293a4b5c6d7e8f9012345",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "npm_config_registry points to the proxy",
        "npm_lifecycle_event_names_are_documented_elsewhere",
        "hf_transfer makes downloads fast",
        "the agent a-0a1b2c works on t-3d4e5f",
        "-----BEGIN CERTIFICATE-----",
        "eyJ is how base64 of an object begins",
        "uuid 123e4567-e89b-12d3-a456-426614174000",
        "The header is SG.example.com",
    ] {
        assert_eq!(found(text), None, "{text}");
    }
}

#[test]
fn addresses_are_refused_for_their_passwords_only() {
    for text in [
        "The database is postgres://app:hunter2@db.internal:5432/app",
        "DATABASE_URL=mysql://root:s3cr3t/x@10.0.0.3/shop",
        "redis://:f00bar9@cache:6379",
        "`mongodb+srv://ann:pa%20ss1@cluster0.mongodb.net`",
        "https://ann:hunter2@example.com/repo.git",
        "postgres://postgres:postgres@db.example.com/app",
    ] {
        assert_eq!(found(text), Some("an address with a password"), "{text}");
    }
    let hook = "https://hooks.slack.com/services/T0000000/B0000000/abcdefghijkl";
    assert_eq!(found(hook), Some("the address of a webhook"));
}

const PASSWORD: &str = "a password";
const VALUE: &str = "a secret value";
const ADDRESS: &str = "an address with a key";
const REQUEST: &str = "what a request is allowed with";

/// A statement on each line, under what is found in it.
const SECRETS: &[(&str, &str)] = &[
    (
        PASSWORD,
        "password = hunter2
         Password: Tr0ub4dor&3
         The admin password is Tr0ub4dor&3.
         DB_PASSWORD=s3cr3t!pass
         \"password\": \"correct9horse\"
         {\"user\":\"ann\",\"password\":\"correct9horse\"}
         pwd := 'abc123xyz'
         **Password:** hunter2
         **Password**: hunter2
         - **password**: `hunter2`
         | password | hunter2 |
         |user|ann|password|hunter2|
         the password is hunter2
         The password is now hunter2
         The password was changed to hunter2 in May
         The password is: hunter2
         The password of the staging database is hunter2
         Password for the admin user: hunter2
         The password (production) is hunter2
         The password for ann on db1 = hunter2
         password：hunter2
         ｐａｓｓｗｏｒｄ：ｈｕｎｔｅｒ２
         pass\u{200b}word: hunter2
         pass\u{fe0f}word: hun\u{200d}ter2
         pa\u{2060}ss\u{ad}word is hunter2
         pass\u{180b}word: hun\u{fffa}ter2
         Server=db;User Id=sa;Password=hunter2;Encrypt=true
         mysql --password=hunter2 -h db1
         docker login --password hunter2
         sudo pw: hunter2
         pin of the door: 1234; passcode: 493028
         Das Passwort: Sommer2024
         密码：hunter2
         пароль: hunter2
         PASSWORD -> hunter2
         machine db.example.com login ann password hunter2
         PASSWORD 'hunter2' is used in staging
         credentials: admin:hunter2
         <password>hunter2</password>
         passphrase => c0rrect-horse
         DB_PASS=Winter2025!
         SMTP_PASS=Winter2025!
         MYSQL_ROOT_PASS: Winter2025!
         redis_pass = Winter2025
         db.pass=Winter2025!
         smtpPass: 'Winter2025'
         ansible_ssh_pass=Winter2025!
         DB_PW=Winter2025!
         adminpw: Winter2025
         user: ann, pass: Winter2025!
         credentials are admin:Winter2025!
         The credentials are `admin:Winter2025!`.
         password changed to Winter2025x
         The password will be Winter2025x
         The password was Winter2025 and is gone
         Use Winter2025! as the password for staging
         Use Winter2025 as the admin password.
         Use `Winter2025!` as password",
    ),
    (
        VALUE,
        "token: 8f3kd92mfk38sl20fk3l
         API_TOKEN=0a1b2c3d4e5f60718293a4b5c6d7e8f9
         client_secret = \"aZ3-kd92Lmf_k38sl20fk3lQ\"
         api-key: wJalrXUtnFEMI/K7MDENG/bPxRfiCYzz
         aws_secret_access_key = wJalrXUtnFEMI/K7MDENG+bPxRfiCYzz99
         The API key is wJalrXUtnFEMI/K7MDENG/bPxRfiCYzz
         the token of the registry is 8f3kd92mfk38sl20fk3l
         The token for CI was reset to 8f3kd92mfk38sl20fk3l
         Token (read only): 8f3kd92mfk38sl20fk3l
         DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=aZ3kd92Lmf/k38sl20fk+lQaZ3kd92Lmfk38sl==;EndpointSuffix=core.windows.net
         Endpoint=sb://shop.example.net/;SharedAccessKeyName=Root;SharedAccessKey=aZ3kd92Lmfk38sl20fklQ=
         signing key: 0a1b2c3d4e5f60718293a4b5c6d7e8f9
         to\u{200b}ken: 8f3kd92mfk38sl20fk3l
         **API token** is 8f3kd92mfk38sl20fk3l
         gh auth login --with-token 8f3kd92mfk38sl20fk3l
         client secret: 123e4567-e89b-12d3-a456-426614174000
         Use the token 8f3kd92mfk38sl20fk3l for the registry
         npm config set //registry.example.org/:_authToken=8f3kd92mfk38sl20fk3l
         X-Api-Key: 8f3kd92mfk38sl20fk3l
         JWT_SECRET=supersecret123!
         SESSION_SECRET=keyboardcat99
         SECRET_KEY = 'django-insecure-4f#k2!l9x0@z7q1w8e6r5t'
         HMAC secret: 'zX9$kq2!mP7@'
         token: 8f3#d92m$k38!l20@k3l
         TELEGRAM_BOT_TOKEN=123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw
         APP_KEY=base64:aZ3kd92Lmf/k38sl20fk+lQaZ3kd92Lmfk38sl12fk=
         FERNET_KEY=aZ3kd92Lmf-k38sl20fk_lQaZ3kd92Lmfk38sl12fk=
         AZURE_STORAGE_KEY=aZ3kd92Lmf/k38sl20fk+lQaZ3kd92Lmfk38sl==
         storageKey: aZ3kd92Lmfk38sl20fklQ",
    ),
    (
        ADDRESS,
        "https://api.example.com/v1?api_key=8f3kd92mfk38
         curl 'https://x/y?user=ann&token=abc123def9'
         [docs](https://x.example.net/y?access_token=abc123def9)
         GET /v1/things?password=hunter2x
         https://shop.blob.core.windows.net/a?sv=2024-01-01&sig=aZ3kd92Lmf%2Fk38sl20fk%3D
         https://x/y#id_token=8f3kd92mfk38
         https://maps.example.com/js?key=8f3kd92mfk38sl20fk3l
         https://b.s3.amazonaws.com/o?X-Amz-Date=1&X-Amz-Signature=0a1b2c3d4e5f60718293a4b5c6d7e8f9",
    ),
    (
        REQUEST,
        "Authorization: Bearer 8f3kd92mfk38
         -H 'Authorization: Bearer 8f3kd92mfk38sl20fk3l'
         authorization: bearer 8f3kd92mfk38sl20fk3l
         Send `Bearer 8f3kd92mfk38sl20fk3l` with each call
         Authorization: Basic YW5uOmh1bnRlcjI=
         curl -u deploy:hunter2 https://ci.example.com
         curl -s --user deploy:hunter2 https://ci.example.com
         curl --user=deploy:hunter2 https://ci.example.com
         curl -udeploy:hunter2 https://ci.example.com
         sshpass -p hunter2 ssh ann@db1
         mysql -u root -pWinter2025! shop
         docker login -u acme -p Winter2025! registry.acme.dev
         redis-cli -h cache -a Winter2025! ping
         keytool -importkeystore -keypass Winter2025 -alias x",
    ),
];

/// A statement on each line in which nothing secret is.
const PLAIN: &str = "The password is stored in 1Password
    The password is 1Password-managed
    password: see 1Password
    Passwords have at least 12 characters
    password: at least 12 characters
    The password field is called `pw`
    Tokens are stored in the keychain
    password: required_if
    'password' => 'required|min:8|confirmed'
    password: bcrypt12rounds
    The password is bcrypt-hashed with 12 rounds
    The password is sha256-hashed
    The password is 16-byte random
    The password hash is argon2id
    token: csrfmiddlewaretoken2
    The form sends csrfmiddlewaretoken2
    token: CancellationToken2
    integrity: sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=
    token: sha512-z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP==
    password = settings.password
    password: z.string().min(8)
    password: string; email: string
    password?: string | undefined
    echo password | sha256sum
    token: the value of GITHUB_TOKEN
    API_KEY=$OPENAI_API_KEY
    API_KEY=${OPENAI_API_KEY_2}
    password = os.environ['DB_PASSWORD_2']
    password: {{ vault.db1 }}
    password = <your-password-1>
    token = [redacted API_TOKEN_1]
    max_tokens: 4096
    The token is refreshed every 15 minutes
    The token of the registry is rotated every 90 days
    The password for staging is in the vault2 entry
    The password of user1 is set by Terraform
    secret: config/secrets/v2.yaml
    passwd: /etc/passwd2
    private key: id_ed25519_deploy
    The token is called AUTH_TOKEN_STAGING_1
    token: AUTH_TOKEN_STAGING_1
    commit: 1f0c3a9b2e4d5f60718293a4b5c6d7e8f9012345
    cache key: v3-linux-x86-64-stable-2026
    primary key: user_id2
    secret: see https://vault.example.com/v1/app2
    The sort key is created_ms2
    token: refresh-token-rotation-v2
    Authorization: Bearer <token>
    Authorization: Bearer $GITHUB_TOKEN_2
    Bearer authentication is used by all 3 services
    Authorization: Basic is switched off
    curl -u $USER:$PASS https://ci.example.com
    curl -u user:password https://ci.example.com is the form
    docker run -u 1000:1000 is needed for the volume of build2
    https://example.com/search?q=token&page=2
    https://example.com/a?api_key=YOUR_KEY_1
    https://example.com/a?token=$TOKEN_1
    https://example.com/items?sort_key=created_at_2
    https://example.com/a?next_token=page2
    | field | rule |
    | password | at least 12 characters |
    | token | 15 minutes |
    |---|---|
    postgres://app@db.internal:5432/app
    postgres://user:password@host/db is the form
    postgres://app:$PGPASSWORD@db/app
    postgres://app:${DB_PASS}@db/app
    postgres://postgres:postgres@localhost:5432/test
    ssh://git@github.com:22/a/b.git
    http://localhost:8080/a?x=1@2
    https://example.com/@scope/package
    https://registry.npmjs.org:443/@types/node
    http://[::1]:8080/
    We pass tenant_id2 as a header.
    Compiler pass mem2reg must run before gvn.
    Second pass is loop-unroll2
    Render pass: shadow_map_v2.
    postgres://app:app@db:5432/app
    amqp://guest:guest@rabbitmq:5672
    redis://default:redis@redis:6379
    curl --user admin:admin http://localhost:3000
    password = settings.DB_PASSWORD2
    password = cfg.DbPassword2
    password: vault:secret/data/prod#pg2
    password: SCRAM-SHA-256
    Password: minLength=12
    The encryption key is alias/prod-payments-2024-rotation.
    The package signing key is 0xA1B2C3D4E5F60718.
    Token is CancellationToken.None2
    | pass | mem2reg |
    Redis keys look like session_key:user:1234567890abcdef
    STRIPE_KEY=pk_test_aZ3kd92Lmfk38sl20fklQ
    secret: payments-db-v2
    token: sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    PUBLIC_KEY=aZ3kd92Lmfk38sl20fklQ
    bypass: rule66
    docker run -p 127.0.0.1:8080:80 app2
    docker login -u acme --password-stdin < token2.txt
    redis-cli -a $REDIS_PASS2 ping
    Use pbkdf2 as the password hash.
    Use vault2 as the store for the password
    The password will be rotated in 2027
    The token will be sent with each request
    👩\u{200d}💻 reviews the pass2 compiler step";

#[test]
fn a_secret_is_found_however_it_is_told() {
    for (what, texts) in SECRETS {
        for text in texts.lines().map(str::trim) {
            assert_eq!(found(text), Some(*what), "{text}");
        }
    }
    let column = "| user | password |\n|---|---|\n| ann | hunter2 |";
    assert_eq!(found(column), Some(PASSWORD));
    let below = "The password of the registry:\n\n    hunter2";
    assert_eq!(found(below), Some(PASSWORD));
}

#[test]
fn what_only_speaks_of_secrets_passes() {
    for text in PLAIN.lines().map(str::trim) {
        assert_eq!(found(text), None, "{text}");
    }
    assert_eq!(found(PLAIN), None, "all of it at once");
}
