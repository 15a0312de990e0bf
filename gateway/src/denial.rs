//! Keys that open nothing, told to the audit trail: which product was asked for, and from where.

use actix_web::{HttpRequest, web, web::Data};
use lianshi_market::entitlement::EntitlementRefusal;
use lianshi_registry::{id::RegistrationNumber, refusal::Refusal as _};
use lianshi_routes::proxies;
use lianshi_store::audit::{self, Actor, Denied};

use crate::{Gateway, refusal::CallRefusal};

/// Tells of a key that is unknown, revoked, over or of another product. Other refusals concern
/// callers who are who they say they are.
pub(crate) async fn tell(gateway: &Data<Gateway>, request: &HttpRequest, refusal: &CallRefusal) {
    let denied = matches!(
        refusal,
        CallRefusal::KeyUnknown
            | CallRefusal::Entitlement(
                EntitlementRefusal::KeyRevoked
                    | EntitlementRefusal::KeyExpired(_)
                    | EntitlementRefusal::WrongProduct(_)
            )
    );
    if !denied {
        return;
    }
    let (gateway, outcome) = (Data::clone(gateway), refusal.code());
    let address = proxies::client(request).map_or_else(String::new, |ip| ip.to_string());
    // Only what is a number is kept of what was typed.
    let product = request.match_info().get("product").map(RegistrationNumber::parse);
    let product = product.and_then(Result::ok).map(|number| number.to_string());
    let told = web::block(move || {
        let denied = Denied {
            actor: &Actor::stranger(),
            action: "access.call",
            object: product.as_deref().unwrap_or_default(),
            outcome,
            address: &address,
        };
        audit::deny(&gateway.0.site, &denied)
    });
    match told.await {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => {
            let fault: &dyn std::error::Error = &fault;
            tracing::error!(fault, "a refusal could not be told to the audit trail");
        }
        Err(error) => tracing::error!(%error, "the thread of a refusal was lost"),
    }
}
