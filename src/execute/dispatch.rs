//! `dispatch`: what a workflow is started with. The forge starts it, and the workflow reports how it ended.

use super::Order;

/// GitHub takes less than 64 KiB.
const MOST_BYTES: usize = 65_535;

/// The order as the payload of a workflow.
///
/// # Errors
/// When it is too large for one, in words.
pub fn payload(order: &Order<'_>) -> Result<serde_json::Value, String> {
    let payload = serde_json::to_value(order).map_err(|error| error.to_string())?;
    let length = payload.to_string().len();
    if length > MOST_BYTES {
        return Err(format!(
            "the recommendation takes {length} bytes as JSON, and a workflow is started with at most {MOST_BYTES}: propose it with less `details`"
        ));
    }
    Ok(payload)
}
